from datetime import timedelta

from configs.wording import counted
from grader.builder import MOMENT, Submission, order
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    needs=("lake_readable", "lake_schema"),
    hint="If the orders are backdated: let Postgres set created_at (DEFAULT now()), and publish these orders by hand. "
    "If not, a query with LIMIT and without ORDER BY read newer orders first: order by created_at.",
)
def no_backdated_orders(evidence: Evidence) -> None:
    """No order was inserted with a created_at that the producer had already passed.

    A producer that reads `created_at > state` can never see such an order. No pipeline of this kind can, so it does not
    count against the student. An order counts as backdated if all of this is true:

    - It is missing.
    - Its created_at is not after the state.
    - An order with a lower order_id was created more than ten minutes later.

    There is a second cause, and it is a mistake: a query with LIMIT and without ORDER BY. In a table whose times do not
    rise with order_id, the result looks the same. Nothing can distinguish the two causes afterwards, so
    no_missing_orders judges neither. Needs the database.
    """
    found = evidence.missing_of_database.backdated
    if found:
        raise Mismatch(
            expected="created_at rises with order_id, within ten minutes",
            actual=f"{counted(found.total, 'missing order')}: backdated, or skipped by a LIMIT without ORDER BY",
            samples=found.rows,
        )


@no_backdated_orders.fails
def order_backdated_a_day(submission: Submission) -> None:
    submission.insert([order(21, MOMENT - timedelta(days=2))])


@no_backdated_orders.fails(says="5 missing orders: backdated, or skipped")
def newest_rows_first_and_a_limit_without_order_by(submission: Submission) -> None:
    base = [order(n, MOMENT - timedelta(days=2, minutes=20 * n)) for n in range(1, 11)]
    submission.inserts[0], submission.batches[0] = base[:5], base[:5]
    submission.insert(base[5:])


@no_backdated_orders.passes
def order_backdated_but_delivered(submission: Submission) -> None:
    rows = [order(21, MOMENT - timedelta(days=2))]
    submission.insert(rows)
    submission.append_batch(rows)
