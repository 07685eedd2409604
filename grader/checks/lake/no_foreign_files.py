import re
from pathlib import Path

from grader.builder import LAKE, Submission
from grader.evidence import Evidence
from grader.evidence.checksum import has_sidecar
from grader.evidence.lake import readable_rows
from grader.evidence.scan import read_footer
from grader.model import Mismatch, NoEvidence, Row, check

_SPARK_NAME = re.compile(r"part-\d{5,}-(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})[.-]c\d+\..*", re.ASCII)


@check(
    needs=("lake_readable",),
    hint="Remove the file named above: it was not written by the consumer, and every reader but Spark counts its rows.",
)
def no_foreign_files(evidence: Evidence) -> None:
    """Files beside the sink log are Spark's own leftovers, not put there by hand.

    What tells a file that is not in the log from a crash's leftover is its name (each Spark task draws a new uuid),
    its footer (Spark writes its version into it) and its checksum file (Spark writes one for every file, so it
    must be there if the others have theirs). Its rows are named, since they look like repeats to most readers.
    """
    lake = evidence.lake
    if lake.log is None or lake.folder is None:
        raise NoEvidence("the lake has no _spark_metadata, as one that was written batch by batch")
    logged = {_uuid(file.path) for file in lake.files}
    # One may be missing: that of a file that was edited, see lake_untouched.
    bare = sum(not has_sidecar(lake.folder / file.path) for file in lake.files)
    sidecars = bare < min(2, len(lake.files))
    foreign = []
    for path in lake.orphans:
        footer = read_footer(lake.folder, path)
        if footer.error:
            continue  # half-written: a crash
        reasons = [
            reason
            for reason, applies in (
                ("its name is not that of a Spark task", _uuid(path) is None),
                ("its name is a logged file's", _uuid(path) in logged - {None}),
                ("its footer does not name Spark", footer.spark_version is None),
                ("it has no checksum file", sidecars and not has_sidecar(lake.folder / path)),
            )
            if applies
        ]
        if reasons:
            foreign.append((path, reasons[0]))
    if foreign:
        raise Mismatch(
            expected="only files that the consumer wrote",
            actual=f"{len(foreign)} put there by hand",
            samples=tuple(row for path, reason in foreign for row in _rows(evidence, path, reason))[:3],
        )


def _uuid(path: str) -> str | None:
    found = _SPARK_NAME.fullmatch(path.rpartition("/")[2])
    return found["uuid"] if found else None


def _rows(evidence: Evidence, path: str, reason: str) -> list[Row]:
    table = evidence.lake.read(path, ("order_id", "amount", "created_at")).slice(0, 3)
    # Without rows, or without these columns, the file is named all the same.
    return [{**row, "file": path, "why": reason} for row in readable_rows(table) or [{}]]


@no_foreign_files.fails
def row_added_by_hand(submission: Submission) -> None:
    submission.edit(_add_row)


@no_foreign_files.fails
def file_copied_by_hand(submission: Submission) -> None:
    submission.edit(_copy_file)


@no_foreign_files.fails(says="notes.parquet")
def file_of_other_columns(submission: Submission) -> None:
    submission.edit(lambda root: _add_table(root, "x", [1]))


@no_foreign_files.fails(says="notes.parquet")
def file_without_a_row(submission: Submission) -> None:
    submission.edit(lambda root: _add_table(root, "order_id", []))


def _add_table(root: Path, name: str, values: list[int]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({name: values}), root / LAKE / "date=2025-11-18" / "notes.parquet")


def _add_row(root: Path) -> None:
    import pyarrow.parquet as pq

    first = min((root / LAKE).glob("date=*/*.parquet"))
    pq.write_table(pq.ParquetFile(first).read().slice(0, 1), first.with_name("extra.parquet"))


def _copy_file(root: Path) -> None:
    first = min((root / LAKE).glob("date=*/*.parquet"))
    first.with_name(first.name.replace(".c000.", ".c001.")).write_bytes(first.read_bytes())
