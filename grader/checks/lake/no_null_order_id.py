from grader.builder import MOMENT, Submission, order
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    needs=("lake_readable", "lake_schema"),
    hint='Filter `order_id IS NOT NULL` after parsing. Text such as "3" parses to null, silently, under an INT schema.',
)
def no_null_order_id(evidence: Evidence) -> None:
    """No row in the lake lacks its order_id.

    Malformed JSON and ids of the wrong type both parse to null. Such a row can be neither counted nor compared.
    """
    found = evidence.lake.null_ids(limit=3)
    if found:
        raise Mismatch(expected="0 rows without order_id", actual=f"{found.total} rows", samples=found.rows)


@no_null_order_id.fails
def malformed_event_kept(submission: Submission) -> None:
    submission.append_batch([order(21, MOMENT).model_copy(update={"order_id": None})])
