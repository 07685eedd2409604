from configs.wording import counted
from grader.builder import Submission
from grader.effects import lost_rows
from grader.evidence import Evidence
from grader.evidence.quarantine import Quarantined
from grader.model import Mismatch, check


@check(
    needs=("quarantine_readable", "lake_readable", "lake_schema"),
    hint="Look at the reason above: the consumer rejects an order that follows the assignment.",
    explains=lost_rows(lambda evidence, missing: missing.total <= len(_lost(evidence))),
)
def quarantine_holds_bad_only(evidence: Evidence) -> None:
    """No clean order is in the quarantine instead of the lake.

    A message counts as clean if it has all of this:

    - an order_id that is a whole number
    - a positive amount with at most two decimal places
    - a created_at in ISO 8601

    If its order is in the lake, it is a duplicate, and may be in the quarantine.
    """
    lost = _lost(evidence)
    if lost:
        raise Mismatch(
            expected="only bad messages",
            actual=counted(len(lost), "clean order"),
            samples=tuple(
                {
                    "order_id": one.order_id,
                    "reason": one.reason,
                    "partition": one.partition,
                    "offset": one.offset,
                }
                for one in lost[:3]
            ),
        )


def _lost(evidence: Evidence) -> list[Quarantined]:
    """The clean messages whose orders are not in the lake."""
    clean = {message.order_id: message for message in evidence.quarantine.messages if message.is_clean}
    there = set(evidence.lake.ids.those_of(order_id for order_id in clean if order_id is not None))
    return [message for order_id, message in clean.items() if order_id not in there]


@quarantine_holds_bad_only.fails(also=("no_missing_orders", "round_rows_arrived", "round_added_exactly"))
def clean_order_kept_out(submission: Submission) -> None:
    submission.add_round_3()
    submission.lose(25)
    submission.quarantine_too(25, "order_status is unknown")


@quarantine_holds_bad_only.fails
def clean_order_kept_out_and_no_database(submission: Submission) -> None:
    submission.has_database = False
    submission.lose(7)
    submission.quarantine_too(7, "restaurant is unknown")


@quarantine_holds_bad_only.passes
def repeat_kept_in_the_quarantine(submission: Submission) -> None:
    submission.add_round_3()
    submission.quarantine_too(20, "order_id was seen before")
