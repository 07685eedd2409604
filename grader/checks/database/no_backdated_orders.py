from datetime import timedelta

from grader.evidence import Evidence
from grader.evidence.comparison import clean, missing, source
from grader.model import Mismatch, check
from grader.submission import MOMENT, Submission, order


@check(
    needs=("lake_readable", "lake_schema"),
    hint="Let Postgres set created_at (DEFAULT now()); an order that is dated back has to be published by hand.",
)
def no_backdated_orders(evidence: Evidence) -> None:
    """No order was given a created_at that the producer had passed before it was there.

    A producer that reads `created_at > state` can never see such an order: no pipeline of this kind can, so it is no
    fault of the student. An order is taken for backdated when it is missing, lies under the state, and an order with a
    lower order_id was created more than ten minutes later. Needs the database.
    """
    found = missing(evidence, clean(source(evidence)), limit=3).backdated
    if found:
        raise Mismatch(
            expected="created_at in the order of order_id, to ten minutes",
            actual=f"{found.total} missing orders were dated back",
            samples=found.rows,
        )


@no_backdated_orders.fails
def order_dated_back_a_day(submission: Submission) -> None:
    submission.insert([order(21, MOMENT - timedelta(days=2))])


@no_backdated_orders.passes
def order_dated_back_but_delivered(submission: Submission) -> None:
    rows = [order(21, MOMENT - timedelta(days=2))]
    submission.insert(rows)
    submission.append_batch(rows)
