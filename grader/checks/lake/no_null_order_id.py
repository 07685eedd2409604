from configs.wording import counted
from grader.builder import MOMENT, Submission, order
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    needs=("lake_readable", "lake_schema"),
    hint='Filter `order_id IS NOT NULL` after parsing. Under an INT schema, text such as "3" silently parses to null.',
)
def no_null_order_id(evidence: Evidence) -> None:
    """Every row in the lake has an order_id.

    Malformed JSON and ids of the wrong type both parse to null. The grader cannot count or compare such a row.
    """
    found = evidence.lake.null_ids(limit=3)
    if found:
        raise Mismatch(expected="0 rows without order_id", actual=counted(found.total, "row"), samples=found.rows)


@no_null_order_id.fails
def malformed_event_kept(submission: Submission) -> None:
    submission.append_batch([order(21, MOMENT).model_copy(update={"order_id": None})])
