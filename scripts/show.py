"""Show the newest rows of one stage: .venv/bin/python -m scripts.show table|topic|lake|quarantine [--rows N]"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable
from typing import Any

from tabulate import tabulate

from configs.contract import COLUMN_NAMES, PARTITION_COLUMN
from configs.errors import KitError, run_command
from configs.settings import Settings
from configs.storage import Place, lake_place, parquet_source, quarantine_place, require_answer
from grader.evidence.lake import Lake
from scripts.pipeline.services import require_own
from scripts.pipeline.table import require_table
from scripts.pipeline.topic import end_offsets, read_messages
from scripts.services.kafka import require_broker
from scripts.services.postgres import require_connection
from scripts.services.stack import open_stack

Rows = list[dict[str, Any]]


def table_rows(settings: Settings, count: int) -> Rows:
    # As text, because a datetime cannot hold a year after 9999.
    columns = ", ".join(f"{name}::text" if name == "created_at" else name for name in COLUMN_NAMES)
    with contextlib.closing(require_connection(settings.postgres)) as connection, connection.cursor() as cursor:
        name = require_table(connection, settings).name
        cursor.execute(f"SELECT {columns} FROM {name} ORDER BY created_at DESC LIMIT %s", [count])
        return [dict(zip(COLUMN_NAMES, row, strict=True)) for row in cursor.fetchall()]


def topic_rows(settings: Settings, count: int) -> Rows:
    require_broker(settings.kafka)
    ends = end_offsets(settings.kafka)
    starts = {partition: max(0, end - count) for partition, end in ends.items()}
    messages = sorted(read_messages(settings.kafka, starts, ends), key=lambda message: message.timestamp, reverse=True)
    return [
        {"partition": message.partition, "offset": message.offset, "message": message.text}
        for message in messages[:count]
    ]


def lake_rows(settings: Settings, count: int) -> Rows:
    rows = [{**row, PARTITION_COLUMN: date} for date, row in _rows(lake_place(settings))]
    return sorted(rows, key=lambda row: str(row["created_at"]), reverse=True)[:count]


def quarantine_rows(settings: Settings, count: int) -> Rows:
    """The last ones of each partition. The quarantine has no time, only the place of each message on the topic."""
    rows = [row for _, row in _rows(quarantine_place(settings))]
    return sorted(rows, key=lambda row: (row["offset"], row["partition"]), reverse=True)[:count]


def _rows(place: Place) -> list[tuple[str, dict[str, Any]]]:
    """Each row with its date, from the files in the sink log. A crash may have left other files in the folder."""
    import pyarrow.parquet as pq

    require_answer(place)
    lake = Lake(place)
    if lake.folder is None or not lake.exists:
        raise KitError(
            f"There is nothing in {place} yet. `make round1` sends the first rows, `make round3` the first bad ones."
        )
    rows = []
    for file in lake.files:
        date = file.path.partition(f"{PARTITION_COLUMN}=")[2].partition("/")[0]
        rows += [(date, row) for row in pq.ParquetFile(parquet_source(lake.folder / file.path)).read().to_pylist()]
    return rows


STAGES: dict[str, Callable[[Settings, int], Rows]] = {
    "table": table_rows,
    "topic": topic_rows,
    "lake": lake_rows,
    "quarantine": quarantine_rows,
}


def show(stage: str, config: str | None, count: int) -> int:
    stack = open_stack(config)
    if stage in ("table", "topic"):
        require_own(stack)
    rows = STAGES[stage](stack.settings, count)
    print(tabulate(rows, headers="keys", disable_numparse=True) if rows else "no rows")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.show", description="Show the newest rows of one stage.")
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--rows", type=int, default=10, help="how many (default 10)")
    parser.add_argument("--config", help="the config file")
    arguments = parser.parse_args()
    return run_command(lambda: show(arguments.stage, arguments.config, arguments.rows), prefix="")


if __name__ == "__main__":
    sys.exit(main())
