from configs.wording import counted
from grader.builder import MOMENT, Submission, order
from grader.effects import state_us
from grader.evidence import Evidence
from grader.evidence.comparison import source, with_ids, without_ids
from grader.model import Mismatch, check


def _is_of_newest_known(evidence: Evidence) -> bool:
    """Whether the state is right for the orders of Postgres."""
    import pyarrow.compute as pc

    newest: int | None = pc.max(source(evidence.database).column("created_at")).as_py()
    return newest is not None and state_us(evidence) == newest


@check(
    needs=("lake_readable", "lake_schema"),
    hint="Find where these order_ids came from: another table, an older topic, or events that somebody else published.",
    explains={"state_matches_newest_order": _is_of_newest_known},
)
def no_unknown_orders(evidence: Evidence) -> None:
    """Every order in the lake is in Postgres, or a round put it on the topic.

    Needs the database.
    """
    orders = source(evidence.database)
    sent = [row.order_id for row in evidence.rounds.rejected if row.order_id is not None]
    known = with_ids(orders.column("order_id"), [*evidence.rounds.expected, *sent])
    unknown = without_ids(evidence.lake, known, limit=3)
    if unknown:
        total = evidence.lake.figures.distinct_order_ids or 0
        raise Mismatch(
            expected="only orders of the table",
            actual=counted(unknown.total, "other order"),
            samples=unknown.rows,
            right=total - unknown.total,
            total=total,
        )


@no_unknown_orders.fails(also=("state_matches_newest_order",))
def order_of_another_table(submission: Submission) -> None:
    submission.append_batch([order(999, MOMENT)])
    submission.state = "2025-11-19T12:24:20.123456Z"


@no_unknown_orders.fails
def events_of_an_older_topic(submission: Submission) -> None:
    submission.append_batch([order(n, MOMENT) for n in range(900, 905)])
