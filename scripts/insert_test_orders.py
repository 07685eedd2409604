"""Test orders: what they contain depends on the roll number and a label alone, when they were made on the clock.

    .venv/bin/python -m scripts.insert_test_orders --rows 5

inserts orders as the rounds do, without waiting for them.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path

import psycopg2.extensions

from configs.contract import ORDER_STATUSES, UTC, OrderRow, format_timestamp
from configs.errors import run_command
from configs.settings import load_settings
from scripts.services.postgres import require_connection
from scripts.table import require_table

INSERT_SQL = Path(__file__).with_suffix(".sql")
_CUSTOMERS = ("Asha Rao", "Bilal Ahmed", "Chitra Menon", "Dev Malhotra", "Esha Kulkarni", "Farhan Ali", "Gauri Joshi")
_MENU = {
    "Spice Route": ("Rajma Chawal", "Palak Paneer"),
    "Biryani House": ("Veg Biryani", "Mutton Biryani"),
    "Dosa Corner": ("Rava Dosa", "Filter Coffee"),
    "Pizza Studio": ("Farmhouse Pizza", "Garlic Bread"),
    "Wok Express": ("Schezwan Rice", "Spring Rolls"),
}


@dataclass(frozen=True)
class NewOrder:
    """An order before Postgres gives it an id and a time."""

    customer_name: str
    restaurant_name: str
    item: str
    amount: Decimal
    order_status: str


def make_test_orders(rollnumber: str, label: str, count: int) -> tuple[NewOrder, ...]:
    """`count` orders that are the same for the same roll number and label."""
    rng = random.Random(f"{rollnumber}/{label}")
    orders = []
    for _ in range(count):
        restaurant = rng.choice(tuple(_MENU))
        amount = Decimal(rng.randrange(5_000, 90_000)) / 100
        orders.append(
            NewOrder(
                rng.choice(_CUSTOMERS),
                restaurant,
                rng.choice(_MENU[restaurant]),
                amount,
                rng.choice(ORDER_STATUSES),
            )
        )
    return tuple(orders)


def insert_orders(
    connection: psycopg2.extensions.connection, table: str, orders: Sequence[NewOrder]
) -> tuple[OrderRow, ...]:
    """Insert in one transaction, each row later than the one before; return the rows as Postgres has them."""
    statement = INSERT_SQL.read_text(encoding="utf-8").replace("{table}", table)
    inserted = []
    with connection, connection.cursor() as cursor:
        for order in orders:
            cursor.execute(statement, asdict(order))
            order_id, customer, restaurant, item, amount, status, created_at = cursor.fetchone() or ()
            inserted.append(
                OrderRow(
                    order_id=order_id,
                    customer_name=customer,
                    restaurant_name=restaurant,
                    item=item,
                    amount=amount,
                    order_status=status,
                    created_at=format_timestamp(created_at.replace(tzinfo=UTC)),
                )
            )
    return tuple(inserted)


def insert_by_hand(config: str | None, count: int) -> int:
    settings = load_settings(config)
    with contextlib.closing(require_connection(settings.postgres)) as connection:
        table = require_table(connection, settings)
        orders = make_test_orders(settings.rollnumber, f"by hand after {table.rows}", count)
        ids = [row.order_id for row in insert_orders(connection, table.name, orders)]
    print(f"Inserted {len(ids)} rows into {table.name}: order_id {ids[0]} to {ids[-1]}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="insert_test_orders", description="Insert test orders.")
    parser.add_argument("--config", help="the config file")
    parser.add_argument("--rows", type=int, default=5, help="how many (default 5)")
    arguments = parser.parse_args()
    return run_command(lambda: insert_by_hand(arguments.config, arguments.rows), prefix="")


if __name__ == "__main__":
    sys.exit(main())
