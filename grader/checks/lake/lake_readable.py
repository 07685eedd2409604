import shutil
from pathlib import Path

from configs.wording import counted
from grader.builder import LAKE, Submission
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    hint="If nothing was written yet, run `make round1` first. If not, delete or restore the files named above: Spark "
    "cannot read the lake either.",
    explains=("sink_log_agrees", "round_rewrote_nothing"),
)
def lake_readable(evidence: Evidence) -> None:
    """The lake is there and every file that counts can be read as Parquet.

    The files that count are those that Spark's sink log names. Without a log all files count. One damaged file stops
    every reader of the lake, so the checks of its rows need this one to pass.
    """
    lake = evidence.lake
    if not lake.exists:
        where = evidence.locations.lake
        raise Mismatch(expected="a Parquet lake", actual=f"no folder at {where}" if where else "none in the submission")
    if not lake.files:
        where = evidence.locations.lake
        raise Mismatch(expected="at least one Parquet file", actual=f"no file that counts in {where}")
    if lake.unreadable:
        raise Mismatch(
            expected=counted(len(lake.files), "readable file"),
            actual=counted(len(lake.unreadable), "unreadable file"),
            samples=lake.unreadable[:3],
        )


@lake_readable.fails(also=("sink_log_agrees", "round_rewrote_nothing"))
def truncated_file(submission: Submission) -> None:
    submission.edit(_cut_first_file)


@lake_readable.fails
def no_lake(submission: Submission) -> None:
    submission.edit(lambda root: shutil.rmtree(root / LAKE))


def _cut_first_file(root: Path) -> None:
    first = min((root / LAKE).glob("date=*/*.parquet"))
    first.write_bytes(first.read_bytes()[:-20])
