from pathlib import Path

from grader.evidence import Evidence
from grader.evidence.checksum import is_stale
from grader.model import Mismatch, check
from grader.submission import LAKE, Submission

_MOST_BYTES = 16 << 20


@check(
    needs=("lake_readable",),
    hint="Leave the lake's files to the consumer; `make reset` begins anew. A copy that lost the .crc files is fine.",
)
def lake_untouched(evidence: Evidence) -> None:
    """No data file was changed in place after Spark wrote it.

    Spark leaves a checksum beside each file (.<name>.crc). One that does not fit a file of the size that the log names
    betrays an edit that no size shows. Files without one are not judged, and of a large lake only the first 16 MiB.
    """
    lake = evidence.lake
    resized = {file.path for file in lake.resized}
    stale, seen = [], 0
    for file in lake.files:
        seen += file.size
        if lake.folder is None or seen > _MOST_BYTES:
            break
        if file.path not in resized and is_stale(lake.folder, file.path):
            stale.append(file.path)
    if stale:
        raise Mismatch(
            expected="every file as its checksum says",
            actual=f"{len(stale)} edited in place",
            samples=tuple({"file": path} for path in stale[:3]),
        )


@lake_untouched.fails(also=("round_rewrote_nothing",))
def byte_changed_in_place(submission: Submission) -> None:
    submission.edit(_change_a_byte)


@lake_untouched.fails
def byte_changed_and_no_rounds(submission: Submission) -> None:
    submission.rounds = 0
    submission.edit(_change_a_byte)


@lake_untouched.passes
def checksums_of_the_lake_lost_in_a_copy(submission: Submission) -> None:
    submission.remove(f"{LAKE}/**/.*.crc")


def _change_a_byte(root: Path) -> None:
    first = min((root / LAKE).glob("date=*/*.parquet"))
    content = first.read_bytes()
    at = content.rindex(b"3.5.1")  # Spark's version in the footer
    first.write_bytes(content[:at] + b"3.5.2" + content[at + 5 :])
