from configs.contract import format_timestamp
from grader.evidence import Evidence
from grader.evidence.comparison import clean, source, without
from grader.model import Mismatch, Row, check
from grader.submission import MOMENT, Submission, order


@check(
    needs=("lake_readable", "lake_schema"),
    hint="Orders above the state are not published yet: start the producer and wait. Orders under it were skipped: "
    "read once a poll, publish, and take the new state from those very rows.",
)
def no_missing_orders(evidence: Evidence) -> None:
    """Every clean order in Postgres is in the lake.

    Clean is: order_id and created_at known, and a positive amount. A missing order whose created_at lies under the
    state is lost for good, since the producer never looks back. Needs the database.
    """
    orders = source(evidence)
    missing = without(clean(orders), evidence.lake.order_ids, limit=3)
    if missing:
        raise Mismatch(
            expected=f"all {clean(orders).num_rows} clean orders of Postgres",
            actual=f"{missing.total} missing",
            samples=tuple({**row, "state": _side(evidence, row)} for row in missing.rows),
        )


def _side(evidence: Evidence, row: Row) -> str:
    value, created = evidence.state.value, row.get("created_at")
    if value is None or not isinstance(created, str):
        return "unknown"
    passed = created <= format_timestamp(value.timestamp)
    return "already past it: lost" if passed else "not there yet: not published"


@no_missing_orders.fails
def base_row_skipped(submission: Submission) -> None:
    submission.lose(4)


@no_missing_orders.fails
def row_not_published_yet(submission: Submission) -> None:
    submission.insert([order(21, MOMENT)])


@no_missing_orders.passes
def bad_row_rejected(submission: Submission) -> None:
    submission.insert([order(21, MOMENT, amount="-1.00")])
