from grader.evidence import Evidence
from grader.model import Mismatch, check
from grader.submission import MOMENT, Submission, order


@check(
    needs=("lake_readable", "lake_schema"),
    hint="A batch was published or written again after a restart: let the consumer drop repeats by order_id.",
)
def no_duplicate_orders(evidence: Evidence) -> None:
    """Each order is in the lake exactly once.

    Counts every order_id over all files that count. A producer that is killed between publishing and writing its state
    file sends the batch again, which is right: at-least-once delivery. Dropping the repeats is the consumer's part.
    """
    repeated = evidence.lake.repeated_ids(limit=3)
    if repeated:
        raise Mismatch(
            expected="every order_id once",
            actual=f"{repeated.total} order_ids more than once",
            samples=repeated.rows,
        )


@no_duplicate_orders.fails
def batch_published_twice(submission: Submission) -> None:
    submission.append_batch(submission.rows[-5:])


@no_duplicate_orders.fails
def row_twice_in_one_batch(submission: Submission) -> None:
    submission.append_batch([order(21, MOMENT), order(21, MOMENT)])
    submission.insert([order(21, MOMENT)])
