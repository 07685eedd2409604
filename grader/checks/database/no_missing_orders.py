from datetime import timedelta

from configs.wording import counted
from grader.builder import MOMENT, STATE, Submission, leave_batch_in_flight, order
from grader.evidence import Evidence
from grader.evidence.comparison import clean, source
from grader.model import Mismatch, Undecided, check


@check(
    needs=("lake_readable", "lake_schema"),
    hint="If created_at <= state: read once per poll, publish, and take the new state from the same rows. If a limit "
    "cut a tie: use FETCH FIRST n ROWS WITH TIES, not LIMIT. If created_at > state: start the producer and wait. If a "
    "batch is not finished: start the consumer and wait.",
)
def no_missing_orders(evidence: Evidence) -> None:
    """Every clean order in Postgres is in the lake.

    An order is clean if it has an order_id, a created_at and a positive amount. Missing orders are grouped by cause:

    - created_at <= state: the producer skipped the order, or the consumer dropped it. It is lost, because the producer
      never looks back.
    - The created_at of a delivered order: a limit cut a tie (orders with the same created_at).
    - created_at > state: it is not published yet.
    - In a batch that the checkpoint plans and does not commit: the consumer was stopped in this batch. It finishes the
      batch when it is started again.

    A gap between order_ids is not a loss. Orders that may have been backdated are not counted: see
    no_backdated_orders. If nothing else is missing, the check cannot say whether an order was lost, and is skipped.
    Needs the database.
    """
    orders = clean(source(evidence.database))
    found = evidence.missing_of_database
    if found:
        raise Mismatch(
            expected=f"{counted(orders.num_rows, 'clean order')} of Postgres in the lake",
            actual=found.summary,
            samples=found.rows,
            right=orders.num_rows - found.total,
            total=orders.num_rows,
        )
    if found.backdated:
        raise Undecided(f"{found.backdated.total} missing: backdated, or skipped by a LIMIT without ORDER BY")


@no_missing_orders.fails(says="1 with created_at <= state")
def base_row_skipped(submission: Submission) -> None:
    submission.lose(4)


@no_missing_orders.fails(says="2 with created_at <= state")
def rows_between_two_reads_skipped(submission: Submission) -> None:
    submission.lose(9, 10)


@no_missing_orders.fails(says="10 with created_at <= state")
def first_batch_lost(submission: Submission) -> None:
    submission.lose(*range(1, 11))


@no_missing_orders.fails(says="1 with the created_at of a delivered order")
def tie_cut_by_a_limit(submission: Submission) -> None:
    submission.change(6, created_at="2025-11-18T12:29:00.123456Z")
    submission.change(5, created_at="2025-11-18T12:29:00.123456Z")
    submission.lose(6)


@no_missing_orders.fails(says="1 with created_at > state")
def row_not_published_yet(submission: Submission) -> None:
    submission.insert([order(21, MOMENT)])
    submission.state = "2025-11-19T12:24:20.123456Z"


@no_missing_orders.fails(
    also=("state_matches_newest_order",), says="5 missing: 5 in batch 2 (planned, not finished: start the consumer"
)
def consumer_killed_in_its_last_batch(submission: Submission) -> None:
    submission.rounds = 1
    submission.edit(leave_batch_in_flight)


@no_missing_orders.fails(
    also=("state_matches_newest_order",),
    says="6 missing: 1 with created_at <= state (skipped or dropped, so lost), 5 in batch 2 (",
)
def row_lost_before_the_consumer_was_killed_in_a_batch(submission: Submission) -> None:
    submission.rounds = 1
    submission.lose(4)
    submission.edit(leave_batch_in_flight)


@no_missing_orders.fails(also=("no_backdated_orders",), says="1 missing: 1 with created_at <= state")
def one_order_lost_and_one_backdated(submission: Submission) -> None:
    submission.lose(4)
    submission.insert([order(21, MOMENT - timedelta(days=2))])


@no_missing_orders.fails(says="1 with created_at <= state")
def every_delivered_order_of_one_status_filtered_out(submission: Submission) -> None:
    submission.change(7, order_status="REFUNDED")
    submission.lose(7)


@no_missing_orders.fails(also=("state_readable",), says="1 with no state to compare with")
def row_lost_and_no_state(submission: Submission) -> None:
    submission.lose(4)
    submission.remove(STATE)


@no_missing_orders.passes
def bad_row_rejected(submission: Submission) -> None:
    submission.insert([order(21, MOMENT, amount="-1.00")])


@no_missing_orders.passes
def gaps_between_order_ids(submission: Submission) -> None:
    rows = [order(5000, MOMENT)]
    submission.insert(rows)
    submission.append_batch(rows)


@no_missing_orders.passes
def no_database(submission: Submission) -> None:
    submission.has_database = False
