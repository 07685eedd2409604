from grader.builder import Submission, leave_orphan
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check


@check(
    needs=("lake_readable", "no_foreign_files"),
    hint="Read the lake by its root with Spark, which skips these files; other readers count their rows.",
)
def no_orphan_files(evidence: Evidence) -> None:
    """No Parquet file lies in the lake that the sink log does not name.

    A consumer that is killed while it writes leaves such files behind, and writes their rows again in the next try.
    Spark passes over them; pyarrow, DuckDB and a glob count them. They are no fault of the pipeline. What
    was put there by hand is reported by no_foreign_files.
    """
    lake = evidence.lake
    if lake.log is None:
        raise NoEvidence("the lake has no _spark_metadata, as one that was written batch by batch")
    if lake.orphans:
        raise Mismatch(
            expected="every Parquet file in the log",
            actual=f"{len(lake.orphans)} not in it, not counted",
            samples=tuple({"file": path} for path in lake.orphans[:3]),
        )


@no_orphan_files.fails
def crash_before_the_log_was_written(submission: Submission) -> None:
    submission.edit(leave_orphan)
