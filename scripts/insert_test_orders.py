"""Insert orders as the rounds do, but do not wait for them: .venv/bin/python -m scripts.insert_test_orders --rows 5"""

from __future__ import annotations

import argparse
import contextlib
import sys

from configs.errors import run_command
from configs.wording import counted
from scripts.pipeline.services import require_own
from scripts.pipeline.table import require_table
from scripts.rounds.insert_test_orders import insert_test_orders, make_test_orders
from scripts.services.postgres import require_connection
from scripts.services.stack import open_stack


def insert_by_hand(config: str | None, count: int) -> int:
    stack = open_stack(config)
    require_own(stack)
    settings = stack.settings
    with contextlib.closing(require_connection(settings.postgres)) as connection:
        table = require_table(connection, settings)
        orders = make_test_orders(settings.rollnumber, f"by hand after {table.rows}", count)
        ids = [row.order_id for row in insert_test_orders(connection, table.name, orders)]
    print(f"Inserted {counted(len(ids), 'row')} into {table.name}: order_id {ids[0]} to {ids[-1]}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="insert_test_orders", description="Insert test orders.")
    parser.add_argument("--config", help="the config file")
    parser.add_argument("--rows", type=int, default=5, help="how many (default 5)")
    arguments = parser.parse_args()
    return run_command(lambda: insert_by_hand(arguments.config, arguments.rows), prefix="")


if __name__ == "__main__":
    sys.exit(main())
