from grader.evidence import Evidence
from grader.evidence.comparison import ids_in
from grader.model import Mismatch, NoEvidence, check
from grader.submission import Submission, pretend_arrival


@check(
    needs=("rounds_readable", "lake_readable", "lake_schema"),
    hint="Look where the order stopped: `make status` shows Postgres, topic, batches and lake side by side.",
)
def round_rows_arrived(evidence: Evidence) -> None:
    """Every clean row that a round inserted is in the lake.

    Looks for the order_ids that the round records name.
    """
    expected = evidence.rounds.expected
    if not expected:
        raise NoEvidence("no round inserted a row that must arrive")
    there = set(ids_in(evidence.lake.order_ids, expected))
    lost = [order_id for order_id in sorted(expected) if order_id not in there]
    if lost:
        raise Mismatch(
            expected=f"all {len(expected)} rows of the rounds",
            actual=f"{len(lost)} missing",
            samples=tuple({"order_id": order_id, "inserted by": expected[order_id]} for order_id in lost[:3]),
        )


@round_rows_arrived.fails(also=("no_missing_orders",))
def row_of_round_2_lost(submission: Submission) -> None:
    submission.lose(18)
    submission.revise_rounds(pretend_arrival)
