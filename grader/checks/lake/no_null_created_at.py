from configs.wording import counted
from grader.builder import MOMENT, Submission, order
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    needs=("lake_readable", "lake_schema"),
    hint="Reject rows whose created_at does not parse. Check that both programs use the same timestamp format.",
)
def no_null_created_at(evidence: Evidence) -> None:
    """Every row in the lake has a created_at.

    A created_at that does not parse becomes null. Its row then goes to the folder date=__HIVE_DEFAULT_PARTITION__.
    """
    found = evidence.lake.null_created_at(limit=3)
    if found:
        raise Mismatch(expected="0 rows without created_at", actual=counted(found.total, "row"), samples=found.rows)


@no_null_created_at.fails
def unparsed_timestamp_kept(submission: Submission) -> None:
    row = order(21, MOMENT).model_copy(update={"created_at": None})
    submission.append_batch([row])
    submission.insert([row])


@no_null_created_at.passes(advice=("keeps_microseconds",))
def timestamps_in_milliseconds(submission: Submission) -> None:
    submission.types["created_at"] = "ms"
