from datetime import timedelta

from grader.builder import MOMENT, Submission, order
from grader.evidence import Evidence
from grader.evidence.comparison import clean, missing, source
from grader.model import Mismatch, check


@check(
    needs=("lake_readable", "lake_schema"),
    hint="Backdated: let Postgres set created_at (DEFAULT now()), and publish such an order by hand. Else a query "
    "with LIMIT and no ORDER BY took newer orders first: order by created_at.",
)
def no_backdated_orders(evidence: Evidence) -> None:
    """No order was given a created_at that the producer had passed before it was there.

    A producer that reads `created_at > state` can never see such an order: no pipeline of this kind can, so it is no
    fault of the student. An order is taken for backdated when it is missing, lies under the state, and an order with a
    lower order_id was created more than ten minutes later. Where the table's times never rose with order_id, a query
    with LIMIT and no ORDER BY leaves the same behind, and that is a fault: nothing tells the two apart afterwards, so
    no_missing_orders then judges neither. Needs the database.
    """
    orders = clean(source(evidence.database))
    found = missing(orders, evidence.lake, evidence.state, evidence.checkpoint, limit=3).backdated
    if found:
        raise Mismatch(
            expected="created_at in the order of order_id, to ten minutes",
            actual=f"{found.total} missing orders were backdated, or passed over by a LIMIT without ORDER BY",
            samples=found.rows,
        )


@no_backdated_orders.fails
def order_backdated_a_day(submission: Submission) -> None:
    submission.insert([order(21, MOMENT - timedelta(days=2))])


@no_backdated_orders.fails(says="5 missing orders were backdated, or passed over")
def newest_rows_first_and_a_limit_without_order_by(submission: Submission) -> None:
    base = [order(n, MOMENT - timedelta(days=2, minutes=20 * n)) for n in range(1, 11)]
    submission.inserts[0], submission.batches[0] = base[:5], base[:5]
    submission.insert(base[5:])


@no_backdated_orders.passes
def order_backdated_but_delivered(submission: Submission) -> None:
    rows = [order(21, MOMENT - timedelta(days=2))]
    submission.insert(rows)
    submission.append_batch(rows)
