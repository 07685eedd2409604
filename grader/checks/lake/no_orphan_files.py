from configs.wording import counted
from grader.builder import Submission, leave_orphan
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check


@check(
    needs=("lake_readable", "no_foreign_files"),
    hint="Read the root folder of the lake with Spark: it skips these files. Other readers count their rows.",
)
def no_orphan_files(evidence: Evidence) -> None:
    """The sink log names every Parquet file of the lake.

    If a consumer is killed while it writes, it leaves orphan files. It writes their rows again in its next attempt.
    Spark skips orphan files; pyarrow, DuckDB and a glob count them. They are not a mistake of the pipeline.
    no_foreign_files reports files that were added by hand.
    """
    lake = evidence.lake
    if lake.log is None:
        raise NoEvidence("the lake has no _spark_metadata: foreachBatch does not write it")
    if lake.orphans:
        raise Mismatch(
            expected="every Parquet file in the log",
            actual=f"{counted(len(lake.orphans), 'file')} not in the log, so not counted",
            samples=tuple({"file": path} for path in lake.orphans[:3]),
        )


@no_orphan_files.fails
def crash_before_the_log_was_written(submission: Submission) -> None:
    submission.edit(leave_orphan)
