"""One columnar pass over a lake's Parquet files: order_id, amount and created_at, and no more than the footers lack."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from grader.evidence.orders import DAY_US, created_us, is_bad_amount

if TYPE_CHECKING:
    import pyarrow as pa

Item = TypeVar("Item")
Result = TypeVar("Result")

SPARK_VERSION_KEY = b"org.apache.spark.version"
_TO_US = {"microseconds": (1, 1), "milliseconds": (1000, 1), "nanoseconds": (1, 1000)}  # multiply, divide
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_FEW_FILES = 4  # that are read sooner than threads start


@dataclass(frozen=True)
class Footer:
    """What a Parquet file says of itself. `error` is set, and the rest empty, when it cannot be read."""

    path: str
    rows: int = 0
    schema: pa.Schema | None = None
    spark_version: str | None = None
    created_us: tuple[int, int] | None = None  # least and greatest, where statistics tell and no value is null
    error: str | None = None


@dataclass(frozen=True)
class FileScan:
    """The figures of one file. Times are microseconds since 1970, None without any."""

    path: str
    rows: int = 0
    ids: pa.ChunkedArray | None = None  # without nulls
    null_ids: int = 0
    ids_ascend: bool = True
    bad_amounts: int = 0
    null_created_at: int = 0
    misplaced: int = 0
    least_created_us: int | None = None
    greatest_created_us: int | None = None
    error: str | None = None


def in_parallel(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """`work` on every item, in their order, on all cores: pyarrow reads without holding Python's lock."""
    listed = list(items)
    if len(listed) <= _FEW_FILES:
        return [work(item) for item in listed]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, listed))


def read_footer(folder: Path, path: str) -> Footer:
    """Rows, schema and statistics of `folder`/`path`. Never raises for what the file holds."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(folder / path)
        version = (metadata.metadata or {}).get(SPARK_VERSION_KEY)
        return Footer(
            path,
            metadata.num_rows,
            metadata.schema.to_arrow_schema(),
            version.decode("utf-8", errors="replace") if version else None,
            _created_range(metadata),
        )
    except (OSError, pa.ArrowException, ValueError) as error:
        return Footer(path, error=_reason(error))


def read_table(folder: Path, path: str, columns: Iterable[str]) -> pa.Table:
    """The named columns of a file, those that it has.

    Raises:
        OSError, pyarrow.ArrowException, ValueError: the file cannot be read.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(folder / path, coerce_int96_timestamp_unit="us") as file:
        present = [name for name in columns if name in file.schema_arrow.names]
        return file.read(columns=present, use_threads=False)


def scan_file(folder: Path, footer: Footer, day: str | None) -> FileScan:
    """The figures of one file whose schema is right, in the folder of `day`. Never raises for what it holds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = footer.created_us
    at_home = known is not None and day_number(day) == known[0] // DAY_US == known[1] // DAY_US
    columns = ["order_id", "amount"] if at_home else ["order_id", "amount", "created_at"]
    try:
        table = read_table(folder, footer.path, columns)
        ids = table.column("order_id")
        kept = ids.drop_null() if ids.null_count else ids
        null_created, misplaced = 0, 0
        if not at_home:
            micros = created_us(table.column("created_at"))
            null_created = micros.null_count
            misplaced = pc.sum(is_misplaced(micros, day)).as_py() or 0
            extremes = pc.min_max(micros).as_py()
            known = None if extremes["min"] is None else (extremes["min"], extremes["max"])
        return FileScan(
            footer.path,
            table.num_rows,
            kept,
            ids.null_count,
            _ascends(kept),
            pc.sum(is_bad_amount(table.column("amount"))).as_py() or 0,
            null_created,
            misplaced,
            known[0] if known else None,
            known[1] if known else None,
        )
    except (OSError, pa.ArrowException, ValueError) as error:
        return FileScan(footer.path, error=_reason(error))


def is_misplaced(micros: pa.ChunkedArray, day: str | None) -> pa.ChunkedArray:
    """Whether each created_at is known and lies outside the UTC day of its folder."""
    import pyarrow as pa
    import pyarrow.compute as pc

    number = day_number(day)
    if number is None:
        return pc.is_valid(micros)
    low, high = pa.scalar(number * DAY_US), pa.scalar((number + 1) * DAY_US)
    return pc.fill_null(pc.or_(pc.less(micros, low), pc.greater_equal(micros, high)), False)


def day_number(day: str | None) -> int | None:
    """Days since 1970 of a folder's yyyy-MM-dd; None for anything else."""
    try:
        return date.fromisoformat(day).toordinal() - _EPOCH_DAY if day and len(day) == 10 else None
    except ValueError:
        return None


def _ascends(ids: pa.ChunkedArray) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = ids.combine_chunks()
    array = whole if isinstance(whole, pa.Array) else pa.concat_arrays(whole.chunks)
    return len(array) < 2 or bool(pc.all(pc.less(array[:-1], array[1:])).as_py())


def _created_range(metadata: pa.parquet.FileMetaData) -> tuple[int, int] | None:
    """Least and greatest created_at, when every row group tells them and says that none is null."""
    least: list[int] = []
    greatest: list[int] = []
    for group in range(metadata.num_row_groups):
        statistics = _created_statistics(metadata.row_group(group))
        if statistics is None:
            return None
        multiply, divide = statistics[2]
        least.append(statistics[0] * multiply // divide)
        greatest.append(statistics[1] * multiply // divide)
    return (min(least), max(greatest)) if least else None


def _created_statistics(group: Any) -> tuple[int, int, tuple[int, int]] | None:
    for index in range(group.num_columns):
        column = group.column(index)
        if column.path_in_schema == "created_at":
            found = column.statistics if column.physical_type == "INT64" else None
            if found is None or not (found.has_min_max and found.has_null_count and found.null_count == 0):
                return None
            unit = next((unit for unit in _TO_US if f"timeUnit={unit}" in str(found.logical_type)), None)
            return None if unit is None else (int(found.min_raw), int(found.max_raw), _TO_US[unit])
    return None


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
