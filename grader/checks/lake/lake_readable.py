import shutil
from pathlib import Path

from grader.builder import LAKE, Submission
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    hint="Run `make round1` first if nothing was written yet; else delete or restore the files named above: Spark "
    "cannot read the lake either."
)
def lake_readable(evidence: Evidence) -> None:
    """The lake is there and every file that counts can be read as Parquet.

    The files that count are those that Spark's sink log names, or all where there is no log. One damaged file stops
    every reader of the lake, so nothing else about its rows is judged before this passes.
    """
    lake = evidence.lake
    if not lake.exists:
        where = evidence.locations.lake
        raise Mismatch(expected="a Parquet lake", actual=f"no folder at {where}" if where else "none in the submission")
    if not lake.files:
        raise Mismatch(expected="at least one Parquet file", actual=f"none that counts in {evidence.locations.lake}")
    if lake.unreadable:
        raise Mismatch(
            expected=f"all {len(lake.files)} files readable",
            actual=f"{len(lake.unreadable)} unreadable",
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
