import re
from pathlib import Path

from configs.storage import S3Path
from grader.builder import LAKE, Submission
from grader.evidence import Evidence
from grader.evidence.checksum import has_sidecar
from grader.evidence.lake import readable_rows
from grader.evidence.scan import read_footer
from grader.model import Mismatch, NoEvidence, Row, check

_SPARK_NAME = re.compile(r"part-\d{5,}-(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})[.-]c\d+\..*", re.ASCII)


@check(
    needs=("lake_readable",),
    hint="Remove the file named above. The consumer did not write it, and every reader except Spark counts its rows.",
)
def no_foreign_files(evidence: Evidence) -> None:
    """Files that the sink log does not name were left by Spark, not added by hand.

    A crash can leave files that are not in the log. Three things show that a file was added by hand:

    - its name: each Spark task uses a new uuid.
    - its footer: Spark writes its version into it.
    - its checksum file: Spark writes one for every file, so it must be there if the others have theirs. Not on S3.

    The finding shows the file's rows, because most readers count them as duplicates.
    """
    lake = evidence.lake
    if lake.log is None or lake.folder is None:
        raise NoEvidence("the lake has no _spark_metadata: foreachBatch does not write it")
    logged = {_uuid(file.path) for file in lake.files}
    # One may be missing: the checksum of an edited file, see lake_untouched.
    disk = None if isinstance(lake.folder, S3Path) else lake.folder
    bare = sum(disk is None or not has_sidecar(disk / file.path) for file in lake.files)
    sidecars = bare < min(2, len(lake.files))
    foreign = []
    for path in lake.orphans:
        footer = read_footer(lake.folder, path)
        if footer.error:
            continue  # not fully written: a crash
        reasons = [
            reason
            for reason, applies in (
                ("its name is not a name that a Spark task gives", _uuid(path) is None),
                ("its name has the uuid of a logged file", _uuid(path) in logged - {None}),
                ("its footer does not name Spark", footer.spark_version is None),
                ("it has no checksum file", disk is not None and sidecars and not has_sidecar(disk / path)),
            )
            if applies
        ]
        if reasons:
            foreign.append((path, reasons[0]))
    if foreign:
        raise Mismatch(
            expected="only files that the consumer wrote",
            actual=f"{len(foreign)} added by hand",
            samples=tuple(row for path, reason in foreign for row in _rows(evidence, path, reason))[:3],
        )


def _uuid(path: str) -> str | None:
    found = _SPARK_NAME.fullmatch(path.rpartition("/")[2])
    return found["uuid"] if found else None


def _rows(evidence: Evidence, path: str, reason: str) -> list[Row]:
    table = evidence.lake.read(path, ("order_id", "amount", "created_at")).slice(0, 3)
    # A file without rows, or without these columns, is named too.
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
