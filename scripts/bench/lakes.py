"""Correct submissions with large lakes, for measurements: made fast, and like those of Spark 3.5.1."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from configs.contract import EPOCH, format_timestamp
from configs.settings import Settings, local_path
from grader.spark_files import CheckpointWriter, data_file_name, log_line, write_log, write_table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_FIRST_DAY = datetime(2025, 11, 1, tzinfo=timezone.utc)
_DAY_US = 86_400_000_000
_PARTITIONS = 4  # of the topic; a batch leaves a file for each, like the assignment's consumer


@dataclass(frozen=True)
class Plan:
    """A lake of `rows` rows with order_ids 1 to `rows`, in `files` files over `days` dates.

    Four files are one batch, with one date; `rows` must divide by `files`, and `files` by four.
    """

    rows: int
    files: int
    days: int


def columns(plan: Plan, order_ids: npt.NDArray[np.int64]) -> pa.Table:
    """The orders with these ids, the same as in their table in Postgres. All values depend only on the id."""
    import numpy as np
    import pyarrow as pa

    per_batch = plan.rows * _PARTITIONS // plan.files
    at = order_ids - 1
    batch, within = at // per_batch, at % per_batch
    days = batch * _PARTITIONS * plan.days // plan.files
    first = -((-days * plan.files) // (_PARTITIONS * plan.days))  # batch that the day begins with
    step = _DAY_US // (per_batch * (plan.files // (_PARTITIONS * plan.days) + 1))
    start = int(_FIRST_DAY.timestamp()) * 1_000_000
    created = start + days * _DAY_US + ((batch - first) * per_batch + within) * step + 1

    def text(prefix: str, count: int, factor: int) -> pa.DictionaryArray:
        values = pa.array([f"{prefix} {n}" for n in range(count)])
        return pa.DictionaryArray.from_arrays(pa.array((order_ids * factor % count).astype(np.int32)), values)

    cents = (order_ids * 7919 % 90_000 + 100) * 100  # of DECIMAL(18, 4)
    return pa.table(
        {
            "order_id": pa.array(order_ids.astype(np.int32)),
            "customer_name": text("Customer", 997, 31),
            "restaurant_name": text("Restaurant", 101, 7),
            "item": text("Dish", 211, 13),
            "amount": _decimals(cents),
            "order_status": pa.DictionaryArray.from_arrays(
                pa.array((order_ids % 3).astype(np.int32)), pa.array(["PLACED", "PREPARING", "DELIVERED"])
            ),
            "created_at": pa.array(created).cast(pa.timestamp("us", "UTC")),
        }
    )


def _decimals(unscaled: npt.NDArray[np.int64]) -> pa.Array:
    """DECIMAL(18, 4) of non-negative unscaled values: 16 little-endian bytes; the upper eight are 0."""
    import numpy as np
    import pyarrow as pa

    words = np.zeros((len(unscaled), 2), np.int64)
    words[:, 0] = unscaled
    return pa.Array.from_buffers(pa.decimal128(18, 4), len(unscaled), [None, pa.py_buffer(words)])


def build(settings: Settings, plan: Plan) -> None:
    """Write lake, checkpoint and state where the settings say."""
    lake, lines, newest = local_path(settings.datalake.path), list[str](), 0
    for path, table in _files(plan):
        write_table(lake / path, table)
        newest = max(newest, table.column("created_at")[-1].value)
        lines.append(log_line(lake / path))
    write_log(lake, 0, lines)
    checkpoint = CheckpointWriter(local_path(settings.streaming.checkpoint_location), settings.kafka.topic)
    checkpoint.begin("54305240-2884-442b-a235-5b45acdff09e", dict.fromkeys(range(_PARTITIONS), 0))
    checkpoint.plan(0, dict.fromkeys(range(_PARTITIONS), plan.rows // _PARTITIONS))
    checkpoint.commit(0)
    state = local_path(settings.streaming.last_processed_timestamp_location)
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text(format_timestamp(EPOCH + timedelta(microseconds=newest)), encoding="utf-8")


def _files(plan: Plan) -> Iterator[tuple[str, pa.Table]]:
    """Relative path and rows of each file. Kafka distributes a batch's rows at random, so its files' ids overlap."""
    import numpy as np

    rng = np.random.default_rng(5)
    per_file = plan.rows // plan.files
    per_batch = per_file * _PARTITIONS
    for batch in range(plan.files // _PARTITIONS):
        table = columns(plan, np.arange(batch * per_batch + 1, (batch + 1) * per_batch + 1, dtype=np.int64))
        dealt = rng.permutation(per_batch)
        day = date.fromordinal(_FIRST_DAY.toordinal() + batch * _PARTITIONS * plan.days // plan.files)
        for partition in range(_PARTITIONS):
            rows = table.take(np.sort(dealt[partition * per_file : (partition + 1) * per_file]))
            name = data_file_name(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{batch}/{partition}")), partition)
            yield f"date={day}/{name}", rows
