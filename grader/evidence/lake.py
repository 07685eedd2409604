"""The Parquet lake: which files count, whether they can be read, and the figures of their rows.

If there is a Spark sink log, it decides which files count: those that are both in the folder and in the log. pyarrow,
DuckDB and a glob do not know the log, and also count files that a crash left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from configs.contract import COLUMN_NAMES, PARTITION_COLUMN
from configs.storage import Place, as_logged
from configs.wording import counted
from grader.evidence.lake_format import OTHER_SUFFIXES, described
from grader.evidence.listing import file_sha256, list_files, list_parquet
from grader.evidence.order_ids import OrderIds, union
from grader.evidence.orders import (
    SECOND_US,
    cell,
    created_us,
    is_bad_amount,
    moment_text,
    normal_table,
    type_assumptions,
    type_problem,
    unit_us,
)
from grader.evidence.scan import (
    FileScan,
    Footer,
    in_parallel,
    is_misplaced,
    null_columns,
    read_footer,
    read_table,
    scan_file,
)
from grader.evidence.sink_log import LoggedFile, SinkLog, path_in_lake, read_sink_log
from grader.mismatch import Mismatch, Row

if TYPE_CHECKING:
    import pyarrow as pa

NO_PARTITION = "(none)"
_TEXT_COLUMNS = ("customer_name", "restaurant_name", "item", "order_status")
MAX_ROWS_READ_WHOLE = 1_000_000  # rows of a lake; a larger one is judged by its Parquet statistics if possible


@dataclass(frozen=True)
class LakeFile:
    """A data file that counts: path relative to the lake, size in bytes, and its line of the log."""

    path: str
    size: int
    logged: LoggedFile | None

    @property
    def day(self) -> str | None:
        """The value of the `date=` folder, or of the first `key=value` folder; None without one."""
        pairs = [part.partition("=") for part in self.path.split("/")[:-1] if "=" in part]
        values = {key: unquote(value) for key, _, value in reversed(pairs)}
        return values.get(PARTITION_COLUMN, unquote(pairs[0][2]) if pairs else None)


@dataclass(frozen=True)
class Found:
    """Rows that are wrong: how many, and the first few of them by order_id."""

    total: int
    rows: tuple[Row, ...]

    def __bool__(self) -> bool:
        return self.total > 0


@dataclass(frozen=True)
class Figures:
    """The figures of the rows of all files that count; None if a damaged file makes them unknown."""

    rows: int | None = None
    distinct_order_ids: int | None = None
    duplicate_rows: int | None = None
    null_order_ids: int | None = None
    negative_amounts: int | None = None
    misplaced_rows: int | None = None
    max_created_at: str | None = None
    partitions: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Lake:
    """The lake in `folder`. If there is a `boundary`, nothing outside it is read.

    `moved_log` is the folder of its sink log, if this is not in the lake.
    """

    folder: Place | None
    boundary: Path | None = None
    moved_log: Place | None = None

    @property
    def exists(self) -> bool:
        return self.folder is not None and self.folder.is_dir()

    @cached_property
    def listing(self) -> Mapping[str, int]:
        """Path relative to the lake -> size in bytes, of the Parquet files that Spark would see."""
        return list_parquet(self.folder, self.boundary) if self.folder is not None else {}

    @cached_property
    def other_listing(self) -> Mapping[str, int]:
        """The same of data files in other formats, such as CSV. They are never read."""
        return list_files(self.folder, OTHER_SUFFIXES, self.boundary) if self.folder is not None else {}

    @cached_property
    def other_format(self) -> str | None:
        """What the lake is if it is not plain Parquet, with the number of files; None if it is, or is empty."""
        return described(self.folder, self.other_listing, len(self.listing)) if self.folder is not None else None

    @cached_property
    def log(self) -> SinkLog | None:
        if self.moved_log is not None:
            return SinkLog(self.moved_log)
        return read_sink_log(self.folder) if self.folder is not None else None

    @cached_property
    def _logged(self) -> Mapping[str, LoggedFile]:
        if self.log is None or self.folder is None:
            return {}
        paths = frozenset(self.listing) | frozenset(self.other_listing)
        return {path_in_lake(entry.path, paths, self.folder): entry for entry in self.log.files}

    @cached_property
    def files(self) -> tuple[LakeFile, ...]:
        """The files that count, sorted by path: in the listing and, if there is a log, in the log."""
        return tuple(
            LakeFile(path, size, self._logged.get(path))
            for path, size in sorted(self.listing.items())
            if self.log is None or path in self._logged
        )

    @cached_property
    def orphans(self) -> tuple[str, ...]:
        """Files that the log does not name. A crash can leave them. They do not count."""
        return () if self.log is None else tuple(sorted(set(self.listing) - set(self._logged)))

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Files that the log names but that are not there."""
        return tuple(sorted(set(self._logged) - set(self.listing) - set(self.other_listing)))

    @cached_property
    def batch_of(self) -> Mapping[str, int]:
        """Path relative to the lake -> the batch that wrote it, as far as the log still says it."""
        if self.log is None or self.folder is None:
            return {}
        paths = frozenset(self.listing)
        return {
            path_in_lake(file.path, paths, self.folder): batch
            for batch, files in self.log.written.items()
            for file in files
        }

    @cached_property
    def resized(self) -> tuple[LakeFile, ...]:
        """Files with another size than Spark logged."""
        return tuple(file for file in self.files if file.logged is not None and file.logged.size != file.size)

    @cached_property
    def assumptions(self) -> tuple[str, ...]:
        if not self.exists:
            return ()
        lines, base = list[str](), f"{as_logged(self.folder)}/" if self.folder is not None else ""
        moved = sum(not entry.path.startswith(base) for entry in self._logged.values())
        if self.log is None:
            if self.other_format is None:
                lines.append("lake: it has no _spark_metadata log, so every Parquet file in it counts")
        elif moved:
            paths = counted(moved, "logged path")
            lines.append(f"lake: it was moved; {paths} compared only from the date= folder on")
        lines += sorted(set().union(*(type_assumptions(footer.schema) for footer in self.footers)))
        if self._by_statistics:
            lines.append(
                f"lake: it has more than {MAX_ROWS_READ_WHOLE:,} rows, so amounts and times are judged by the "
                "statistics that Spark or Arrow wrote, if there are any"
            )
        return tuple(lines)

    @cached_property
    def footers(self) -> tuple[Footer, ...]:
        """One per file that counts, in the same order."""
        folder = self.folder or Path()
        return tuple(in_parallel(lambda file: read_footer(folder, file.path), self.files, folder))

    @cached_property
    def _by_statistics(self) -> bool:
        return sum(footer.rows for footer in self.footers) > MAX_ROWS_READ_WHOLE

    @cached_property
    def scans(self) -> tuple[FileScan, ...]:
        """One per file that counts, in the same order. Needs readable footers and a correct schema."""
        folder, by_statistics = self.folder or Path(), self._by_statistics
        pairs = list(zip(self.files, self.footers, strict=True))
        return tuple(
            in_parallel(
                lambda pair: scan_file(folder, pair[1], pair[0].day, by_statistics=by_statistics), pairs, folder
            )
        )

    @cached_property
    def unreadable(self) -> tuple[Row, ...]:
        """Files that count but cannot be read as Parquet, with the reason."""
        broken = [footer for footer in self.footers if footer.error]
        if broken or self.schema_problems:
            return tuple({"file": footer.path, "problem": footer.error} for footer in broken)
        return tuple({"file": scan.path, "problem": scan.error} for scan in self.scans if scan.error)

    @cached_property
    def schema_problems(self) -> tuple[Row, ...]:
        """Columns of the contract that a file does not have, or has in a type that cannot be judged."""
        problems: list[Row] = []
        for footer in self.footers:
            if footer.schema is None:
                continue
            for name in COLUMN_NAMES:
                at = footer.schema.get_field_index(name)
                wrong = "missing" if at < 0 else type_problem(name, footer.schema.field(at).type)
                if wrong:
                    kind = None if at < 0 else str(footer.schema.field(at).type)
                    problems.append({"file": footer.path, "column": name, "type": kind, "problem": wrong})
        return tuple(problems)

    @property
    def other_columns(self) -> tuple[str, ...]:
        """The columns of a lake without any column of orders; empty for a lake of orders, or without columns."""
        names = dict.fromkeys(name for footer in self.footers if footer.schema for name in footer.schema.names)
        return () if names.keys() & set(COLUMN_NAMES) else tuple(names)

    @cached_property
    def null_columns(self) -> tuple[str, ...]:
        """Text columns that are null in every row; none for a lake without rows.

        Usually the first file shows that there are none. In a large lake only statistics are used.
        """
        paths = [footer.path for footer in self.footers if footer.rows]
        left = frozenset(_TEXT_COLUMNS) if paths else frozenset[str]()
        for some in (paths[:1], paths[1:]):
            if left:
                nowhere = in_parallel(partial(self._null_columns, names=left), some, self.folder)
                left = left.intersection(*nowhere)
        return tuple(name for name in _TEXT_COLUMNS if name in left)

    def _null_columns(self, path: str, names: frozenset[str]) -> frozenset[str]:
        import pyarrow as pa

        try:
            return null_columns(self.folder or Path(), path, names, by_statistics=self._by_statistics)
        except (OSError, pa.ArrowException, ValueError):
            return frozenset()  # damaged, which another check reports

    @property
    def _is_judgeable(self) -> bool:
        return self.exists and not self.other_format and not self.unreadable and not self.schema_problems

    @cached_property
    def figures(self) -> Figures:
        if not self._is_judgeable:
            return Figures()
        rows = sum(scan.rows for scan in self.scans)
        nulls = sum(scan.null_ids for scan in self.scans)
        partitions: dict[str, int] = {}
        for file, scan in zip(self.files, self.scans, strict=True):
            day = NO_PARTITION if file.day is None else file.day
            partitions[day] = partitions.get(day, 0) + scan.rows
        return Figures(
            rows=rows,
            distinct_order_ids=self.ids.distinct,
            duplicate_rows=rows - nulls - self.ids.distinct,
            null_order_ids=nulls,
            negative_amounts=sum(scan.bad_amounts for scan in self.scans),
            misplaced_rows=sum(scan.misplaced for scan in self.scans),
            max_created_at=None if self.greatest_created_us is None else moment_text(self.greatest_created_us),
            partitions=dict(sorted(partitions.items())),
        )

    @property
    def greatest_created_us(self) -> int | None:
        """The newest created_at, in microseconds since 1970."""
        known = [scan.greatest_created_us for scan in self.scans if scan.greatest_created_us is not None]
        return max(known, default=None)

    @cached_property
    def ids(self) -> OrderIds:
        """The order_ids of all files that count."""
        return union([scan.ids for scan in self.scans])

    @property
    def order_ids(self) -> pa.ChunkedArray:
        """Every order_id once, as int64, ascending. Takes 8 bytes per id; `ids` takes less memory."""
        import pyarrow as pa

        return pa.chunked_array([pa.array(self.ids.ids(), pa.int64())], pa.int64())

    def repeated_ids(self, limit: int) -> Found:
        """order_ids that are in the lake more than once, with the files they are in."""
        repeated = self.ids.repeated
        if repeated is None:
            return Found(0, ())
        rows = []
        for order_id in repeated.first(limit):
            times = {file.path: self._times(file.path, order_id) for file in self._files_with(order_id)}
            rows.append({"order_id": order_id, "times": sum(times.values()), "files": ", ".join(times)})
        return Found(repeated.distinct, tuple(rows))

    def _files_with(self, order_id: int) -> list[LakeFile]:
        import numpy as np

        asked = np.array([order_id], np.int64)
        return [file for file, scan in zip(self.files, self.scans, strict=True) if scan.ids.holds(asked)[0]]

    def _times(self, path: str, order_id: int) -> int:
        import pyarrow.compute as pc

        column = self.read(path, ("order_id",)).column("order_id")
        return int(pc.sum(pc.equal(column.cast("int64"), order_id)).as_py() or 0)

    def null_ids(self, limit: int) -> Found:
        """Rows without an order_id."""
        return self._rows_where(
            limit, lambda scan: scan.null_ids, lambda table, _: table.column("order_id").is_null(), COLUMN_NAMES
        )

    def bad_amounts(self, limit: int) -> Found:
        """Rows whose amount is null, negative, infinite or not a number."""
        return self._rows_where(
            limit,
            lambda scan: scan.bad_amounts,
            lambda table, _: is_bad_amount(table.column("amount")),
            ("order_id", "amount", "created_at"),
        )

    def null_created_at(self, limit: int) -> Found:
        """Rows whose created_at is null, or text that is not a timestamp."""
        return self._rows_where(
            limit,
            lambda scan: scan.null_created_at,
            lambda table, _: created_us(table.column("created_at")).is_null(),
            COLUMN_NAMES,
        )

    def misplaced(self, limit: int) -> Found:
        """Rows in another folder than that of their created_at's UTC date."""
        return self._rows_where(
            limit,
            lambda scan: scan.misplaced,
            lambda table, day: is_misplaced(created_us(table.column("created_at")), day),
            ("order_id", "created_at"),
        )

    def is_misplaced_beyond(self, shift_us: int) -> bool:
        """Whether a row is in another folder than that of its date, also if created_at is moved by `shift_us`."""
        import pyarrow.compute as pc

        for file, scan in zip(self.files, self.scans, strict=True):
            if scan.misplaced:
                micros = created_us(self.read(file.path, ("created_at",)).column("created_at"))
                moved = [pc.add(micros, by) for by in (0, shift_us, -shift_us)]
                wrong = [is_misplaced(some, file.day) for some in moved]
                if pc.any(pc.and_(wrong[0], pc.and_(wrong[1], wrong[2]))).as_py():
                    return True
        return False

    def _rows_where(
        self,
        limit: int,
        count: Callable[[FileScan], int],
        mask: Callable[[pa.Table, str | None], pa.ChunkedArray],
        columns: tuple[str, ...],
    ) -> Found:
        total, rows = 0, list[Row]()
        for file, scan in zip(self.files, self.scans, strict=True):
            total += count(scan)
            if count(scan) and len(rows) < limit:
                table = self.read(file.path, columns)
                hits = table.filter(mask(table, file.day)).slice(0, limit - len(rows))
                rows += [{**row, "file": file.path} for row in readable_rows(hits)]
        return Found(total, tuple(rows))

    def read(self, path: str, columns: tuple[str, ...]) -> pa.Table:
        """Columns of one file.

        Raises:
            Mismatch: the file cannot be read, although its footer can.
        """
        import pyarrow as pa

        try:
            return read_table(self.folder or Path(), path, columns)
        except (OSError, pa.ArrowException, ValueError) as error:
            raise Mismatch("a Parquet file that can be read", f"{path}: {error}") from None

    @cached_property
    def orders(self) -> pa.Table:
        """All columns of the contract in the normal form (see orders.py), only rows with an order_id.

        Raises:
            Mismatch: a file cannot be read, although its footer can.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        tables = in_parallel(lambda file: normal_table(self.read(file.path, COLUMN_NAMES)), self.files, self.folder)
        whole = pa.concat_tables(tables)
        return whole.filter(pc.is_valid(whole.column("order_id")))

    @cached_property
    def created_at_unit_us(self) -> int:
        """The precision of the lake's created_at: the largest of 1, 1000 and 1000000 microseconds that fits all."""
        coarsest = SECOND_US
        for file in self.files:
            coarsest = min(coarsest, unit_us(created_us(self.read(file.path, ("created_at",)).column("created_at"))))
            if coarsest == 1:
                break
        return coarsest

    def sha256(self, path: str) -> str | None:
        """SHA-256 of a file's content; None if the file is not there."""
        return file_sha256((self.folder or Path()) / path)


def readable_rows(table: pa.Table) -> list[dict[str, object]]:
    """Rows in the form of report.json, with created_at as text in UTC. Columns may have any type."""
    columns = {name: _readable(name, table.column(at)) for at, name in enumerate(table.column_names)}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _readable(name: str, column: pa.ChunkedArray) -> list[object]:
    import pyarrow as pa

    try:
        if name == "created_at" and pa.types.is_timestamp(column.type):
            return [moment_text(value) for value in created_us(column).to_pylist()]
        return [cell(value) for value in column.to_pylist()]
    except (ValueError, OverflowError, pa.ArrowException):  # a year that Python does not support
        return [f"({column.type} that cannot be shown)"] * len(column)
