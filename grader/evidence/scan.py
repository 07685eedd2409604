"""One columnar pass over a lake's Parquet files: order_id, amount and created_at. It skips what the footers show."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

from configs.storage import Place, parallel_reads, parquet_source
from grader.evidence.order_ids import NO_IDS, OrderIds, order_ids, union
from grader.evidence.orders import DAY_US, created_us, is_bad_amount

if TYPE_CHECKING:
    import pyarrow as pa

Item = TypeVar("Item")
Result = TypeVar("Result")

SPARK_VERSION_KEY = b"org.apache.spark.version"
_OTHERS_KEYS = (b"ARROW:schema", b"pandas")  # not from Spark; pyarrow and pandas copy Spark's key and add these
_TO_US = {"microseconds": (1, 1), "milliseconds": (1000, 1), "nanoseconds": (1, 1000)}  # multiply, divide
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_FEW_FILES = 4  # reading these takes less time than starting threads
_ROWS_AT_ONCE = 1_000_000
# Writers with correct statistics of numbers: Spark's (parquet-mr before 1.10 sorted some types wrongly) and Arrow's.
# The statistics of any other writer may leave out the wrong row.
_TRUSTED_WRITER = re.compile(r"parquet-mr version 1\.[1-9]\d|parquet-cpp-arrow version \d")


@dataclass(frozen=True)
class Footer:
    """The footer of a Parquet file. If it cannot be read, only `path` and `error` are set.

    - `created_us`: the least and the greatest created_at in microseconds, if the statistics show that none is null.
    - `amounts_are_good`: by the statistics every amount is there and at least 0.

    Both are empty for a writer whose statistics are not trusted. They are also empty for types with useless statistics
    (INT96, double because of NaN, text).
    """

    path: str
    rows: int = 0
    schema: pa.Schema | None = None
    spark_version: str | None = None
    created_us: tuple[int, int] | None = None
    amounts_are_good: bool = False
    error: str | None = None


@dataclass(frozen=True)
class FileScan:
    """The figures of one file. Times are microseconds since 1970, None without a time."""

    path: str
    rows: int = 0
    ids: OrderIds = NO_IDS
    null_ids: int = 0
    bad_amounts: int = 0
    null_created_at: int = 0
    misplaced: int = 0
    greatest_created_us: int | None = None
    error: str | None = None


def in_parallel(work: Callable[[Item], Result], items: Iterable[Item], folder: Place | None) -> list[Result]:
    """The results of `work` for all items of the folder, in the same order.

    Uses all cores: pyarrow releases Python's lock. On S3 more of them wait at once.
    """
    listed = list(items)
    if len(listed) <= _FEW_FILES or folder is None:
        return [work(item) for item in listed]
    with ThreadPoolExecutor(parallel_reads(folder)) as pool:
        return list(pool.map(work, listed))


def read_footer(folder: Place, path: str) -> Footer:
    """Rows, schema and statistics of `folder`/`path`. Never raises because of the file's content."""
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(parquet_source(folder / path))
        keys = metadata.metadata or {}
        version = None if any(key in keys for key in _OTHERS_KEYS) else keys.get(SPARK_VERSION_KEY)
        trusted = _TRUSTED_WRITER.match(metadata.created_by or "") is not None
        return Footer(
            path,
            metadata.num_rows,
            metadata.schema.to_arrow_schema(),
            version.decode("utf-8", errors="replace") if version else None,
            _created_range(metadata) if trusted else None,
            trusted and _amounts_are_good(metadata),
        )
    except _read_errors() as error:
        return Footer(path, error=_reason(error))


def null_columns(folder: Place, path: str, names: frozenset[str], *, by_statistics: bool) -> frozenset[str]:
    """The columns of `names` that are null in every row of a file.

    Uses the file's statistics. If these do not show it, reads the column, except with `by_statistics`.

    Raises:
        OSError, pyarrow.ArrowException, ValueError: the file cannot be read.
    """
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(parquet_source(folder / path))
    trusted = _TRUSTED_WRITER.match(metadata.created_by or "") is not None
    is_null = {name: _is_null_throughout(metadata, name) if trusted else None for name in names}
    unknown = [name for name in names if is_null[name] is None and not by_statistics]
    if unknown:
        table = read_table(folder, path, unknown)
        is_null |= {name: table.column(name).null_count == table.num_rows for name in table.column_names}
    return frozenset(name for name in names if is_null[name])


def _is_null_throughout(metadata: pa.parquet.FileMetaData, name: str) -> bool | None:
    """Whether the statistics show that every value is null; None if they do not show it."""
    is_null = None
    for chunk in _chunks(metadata, name):
        found = chunk.statistics
        if found is None or not found.has_null_count:
            return None
        if found.null_count < chunk.num_values:
            return False
        is_null = True
    return is_null


def read_table(folder: Place, path: str, columns: Iterable[str]) -> pa.Table:
    """Those of the named columns that the file has.

    Raises:
        OSError, pyarrow.ArrowException, ValueError: the file cannot be read.
    """
    import pyarrow as pa

    tables = list(_tables(folder, path, columns))
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables)


def _tables(folder: Place, path: str, columns: Iterable[str]) -> Iterator[pa.Table]:
    """The same in pieces. So a file with many rows, or one that only claims to have them, fits into memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(parquet_source(folder / path), coerce_int96_timestamp_unit="us") as file:
            present = [name for name in columns if name in file.schema_arrow.names]
            if file.metadata.num_rows <= _ROWS_AT_ONCE:
                yield _valid(file.read(columns=present, use_threads=False))
                return
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=present, use_threads=False):
                yield _valid(pa.Table.from_batches([batch]))
    except (MemoryError, OverflowError, TypeError) as error:  # lengths that no file can have
        raise ValueError(f"damaged: {error}") from None


def _valid(table: pa.Table) -> pa.Table:
    """The table, if its text is UTF-8: damaged text is found here, not where a row is shown."""
    import pyarrow as pa

    for column in table.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column.validate(full=True)
    return table


def scan_file(folder: Place, footer: Footer, day: str | None, *, by_statistics: bool) -> FileScan:
    """The figures of one file with a correct schema in the folder of `day`. Never raises because of its content.

    `by_statistics` skips the columns for which the footer shows enough: all amounts are good, or all times are in the
    day of the folder.
    """
    import pyarrow.compute as pc

    known = footer.created_us if by_statistics else None
    at_home = known is not None and day_number(day) == known[0] // DAY_US == known[1] // DAY_US
    good = by_statistics and footer.amounts_are_good
    columns = ["order_id", *([] if good else ["amount"]), *([] if at_home else ["created_at"])]
    rows = null_ids = bad_amounts = null_created = misplaced = 0
    ids, greatest = list[OrderIds](), [known[1]] if at_home and known else []
    try:
        for table in _tables(folder, footer.path, columns):
            column = table.column("order_id")
            ids.append(order_ids(column.drop_null() if column.null_count else column))
            rows += table.num_rows
            null_ids += column.null_count
            if not good:
                bad_amounts += _bad_amounts(table.column("amount"))
            if not at_home:
                micros = created_us(table.column("created_at"))
                null_created += micros.null_count
                found = [moment for moment in pc.min_max(micros).as_py().values() if moment is not None]
                if {moment // DAY_US for moment in found} != {day_number(day)}:
                    misplaced += pc.sum(is_misplaced(micros, day)).as_py() or 0
                greatest += found
        return FileScan(
            footer.path,
            rows,
            union(ids),
            null_ids,
            bad_amounts,
            null_created,
            misplaced,
            max(greatest, default=None),
        )
    except _read_errors() as error:
        return FileScan(footer.path, error=_reason(error))


def _bad_amounts(column: pa.ChunkedArray) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_decimal(column.type) and not column.null_count and pc.min(column).as_py() >= 0:
        return 0  # the usual case, in half the time
    return int(pc.sum(is_bad_amount(column)).as_py() or 0)


def is_misplaced(micros: pa.ChunkedArray, day: str | None) -> pa.ChunkedArray:
    """Whether each created_at is known and is outside the UTC day of its folder."""
    import pyarrow as pa
    import pyarrow.compute as pc

    number = day_number(day)
    if number is None:
        return pc.is_valid(micros)
    low, high = pa.scalar(number * DAY_US, pa.int64()), pa.scalar((number + 1) * DAY_US, pa.int64())
    return pc.fill_null(pc.or_(pc.less(micros, low), pc.greater_equal(micros, high)), False)


def day_number(day: str | None) -> int | None:
    """Days since 1970 of a folder's yyyy-MM-dd; None for anything else."""
    try:
        return date.fromisoformat(day).toordinal() - _EPOCH_DAY if day and len(day) == 10 else None
    except ValueError:
        return None


def _created_range(metadata: pa.parquet.FileMetaData) -> tuple[int, int] | None:
    """Least and greatest created_at, if every row group has them and shows that none is null."""
    extremes: list[int] = []
    for chunk in _chunks(metadata, "created_at"):
        found = _statistics(chunk, "INT64")
        unit = next((unit for unit in _TO_US if found and f"timeUnit={unit}" in str(found.logical_type)), None)
        if found is None or unit is None:
            return None
        multiply, divide = _TO_US[unit]
        extremes += [int(found.min_raw) * multiply // divide, int(found.max_raw) * multiply // divide]
    return (min(extremes), max(extremes)) if extremes else None


def _amounts_are_good(metadata: pa.parquet.FileMetaData) -> bool:
    found = [_statistics(chunk, "INT32", "INT64") for chunk in _chunks(metadata, "amount")]
    return bool(found) and all(one is not None and int(one.min_raw) >= 0 for one in found)


def _chunks(metadata: pa.parquet.FileMetaData, name: str) -> Iterator[Any]:
    """The column of that name in every row group."""
    at = next((n for n in range(metadata.num_columns) if metadata.schema.column(n).path == name), None)
    if at is not None:
        for group in range(metadata.num_row_groups):
            yield metadata.row_group(group).column(at)


def _statistics(chunk: Any, *types: str) -> Any | None:
    """The statistics, if the column has one of the types, they have minimum and maximum, and no value is null."""
    found = chunk.statistics if chunk.physical_type in types else None
    if found is None or not (found.has_min_max and found.has_null_count and found.null_count == 0):
        return None
    return found


def _read_errors() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    return OSError, pa.ArrowException, ValueError, MemoryError, OverflowError, TypeError


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
