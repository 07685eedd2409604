from pathlib import Path

from configs.storage import S3Path
from grader.builder import LAKE, Submission
from grader.evidence import Evidence
from grader.evidence.checksum import is_stale, sidecar, without_sidecar
from grader.model import Mismatch, NoEvidence, Row, check

_MAX_BYTES = 16 << 20


@check(
    needs=("lake_readable",),
    hint="Only the consumer may change the lake's files. `make reset` starts over. A copy that lost all .crc files "
    "is fine.",
)
def lake_untouched(evidence: Evidence) -> None:
    """No data file was changed in place after Spark wrote it.

    Spark writes a checksum next to each file (`.<name>.crc`). A file counts as edited in place if its size is the one
    in the log, and one of these is true:

    - Its checksum does not match.
    - Its checksum file is missing, and all others are there.

    The check skips a lake on S3, which has none, and one that lost all its checksums. In a large lake it compares only
    the first 16 MiB.
    """
    lake = evidence.lake
    if lake.folder is None:
        return
    if isinstance(lake.folder, S3Path):
        raise NoEvidence("the lake is on S3, where Spark writes no checksum files")
    resized = {file.path for file in lake.resized}
    bare = without_sidecar(lake.folder, (file.path for file in lake.files))
    touched, seen = list[Row](), 0
    for file in lake.files:
        seen += file.size
        if file.path in resized:
            continue
        if file.path in bare:
            touched.append({"file": file.path, "why": "its checksum file is missing, and all others are there"})
        elif seen <= _MAX_BYTES and is_stale(lake.folder, file.path):
            touched.append({"file": file.path, "why": "it does not match its checksum file"})
    if touched:
        raise Mismatch(
            expected="every file matches its checksum",
            actual=f"{len(touched)} edited in place",
            samples=tuple(touched[:3]),
        )


@lake_untouched.fails(also=("round_rewrote_nothing",))
def byte_changed_in_place(submission: Submission) -> None:
    submission.edit(_change_a_byte)


@lake_untouched.fails
def byte_changed_and_no_rounds(submission: Submission) -> None:
    submission.rounds = 0
    submission.edit(_change_a_byte)


@lake_untouched.fails(also=("round_rewrote_nothing",), says="its checksum file is missing")
def byte_changed_and_the_checksum_deleted(submission: Submission) -> None:
    submission.edit(_change_a_byte)
    submission.edit(lambda root: sidecar(min((root / LAKE).glob("date=*/*.parquet"))).unlink())


@lake_untouched.fails(says="its checksum file is missing")
def checksum_deleted_of_the_only_file_of_a_day(submission: Submission) -> None:
    submission.edit(lambda root: sidecar(min((root / LAKE).glob("date=2025-11-19/*.parquet"))).unlink())


@lake_untouched.passes
def checksums_of_a_day_lost_in_a_copy(submission: Submission) -> None:
    submission.remove(f"{LAKE}/date=2025-11-18/.*.crc")


@lake_untouched.passes
def checksums_of_the_lake_lost_in_a_copy(submission: Submission) -> None:
    submission.remove(f"{LAKE}/**/.*.crc")


def _change_a_byte(root: Path) -> None:
    first = min((root / LAKE).glob("date=*/*.parquet"))
    content = first.read_bytes()
    at = content.rindex(b"3.5.1")  # Spark's version in the footer
    first.write_bytes(content[:at] + b"3.5.2" + content[at + 5 :])
