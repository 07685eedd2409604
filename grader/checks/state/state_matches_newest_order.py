from datetime import timedelta

from configs.contract import RoundRecord, Snapshot, format_timestamp
from grader.evidence import Evidence
from grader.evidence.comparison import newest_rejected_us
from grader.evidence.orders import SECOND_US, moment_or_none, moment_text, moment_us
from grader.model import Mismatch, NoEvidence, check
from grader.submission import MOMENT, Submission, order


@check(
    needs=("state_readable", "lake_readable", "lake_schema"),
    hint="After a publish succeeded, write the greatest created_at of the published rows, with all six digits.",
)
def state_matches_newest_order(evidence: Evidence) -> None:
    """The state is the created_at of the newest order.

    Compares the state with the greatest created_at of the lake. A state behind it makes the producer send rows again at
    every poll; one ahead of it, taken from the clock or from rows that were not published, skips rows for ever. The
    state may be finer than a lake that keeps whole milliseconds or seconds, so less than a second ahead is allowed
    where neither Postgres nor a round says how fine the newest order is, and so is being ahead by rows that had to be
    rejected. An offset that all created_at share is left to no_time_shift.
    """
    value, newest = evidence.state.value, evidence.lake.greatest_created_us
    if value is None or newest is None:
        raise NoEvidence("the lake has no row with a created_at")
    newest -= evidence.created_at_shift_us or 0
    state = moment_us(format_timestamp(value.timestamp))
    expected = f"{moment_text(newest)} (the newest order)"
    if state < newest:
        raise Mismatch(expected, f"{moment_text(state)}, behind it by {_span(newest - state)}")
    exact = _newest_at_source(evidence)
    most = newest + SECOND_US - 1 if exact is None else max(newest, exact)
    if state > max(most, _newest_rejected(evidence)):
        raise Mismatch(expected, f"{moment_text(state)}, ahead of it by {_span(state - newest)}")


def _span(micros: int) -> str:
    return str(timedelta(microseconds=micros))


def _newest_at_source(evidence: Evidence) -> int | None:
    """created_at of the lake's newest order as Postgres or the rounds have it; None where they do not know it."""
    import pyarrow.compute as pc

    newest = evidence.lake.greatest_created_us
    for pair in evidence.pairs:
        if pair.theirs.num_rows and pc.max(pair.theirs.column("created_at")).as_py() == newest:
            found: int | None = pc.max(pair.ours.column("created_at")).as_py()
            return found
    return None


def _newest_rejected(evidence: Evidence) -> int:
    """created_at of the newest row that had to be kept out of the lake, as far as rounds and database tell."""
    moments = [moment_or_none(row.created_at) for row in evidence.rounds.rejected_orders]
    orders = evidence.database.orders
    if orders is not None and {"order_id", "amount", "created_at"} <= set(orders.column_names):
        moments.append(newest_rejected_us(orders))
    return max((moment for moment in moments if moment is not None), default=0)


@state_matches_newest_order.fails(also=("state_moved_forward",))
def state_behind(submission: Submission) -> None:
    submission.state = "2025-11-18T12:30:00.000000Z"


@state_matches_newest_order.fails(says="ahead of it by 0:00:00.4")
def state_from_the_clock_a_moment_later(submission: Submission) -> None:
    submission.state = "2025-11-19T12:24:20.523456Z"


@state_matches_newest_order.fails(says="ahead of it by 0:00:02")
def state_from_the_clock_and_no_database(submission: Submission) -> None:
    submission.has_database = False
    submission.rounds = 0
    submission.state = "2025-11-19T12:24:22.123456Z"


@state_matches_newest_order.fails(says="ahead of it by 5:30:00")
def state_in_local_time(submission: Submission) -> None:
    submission.state = "2025-11-19T17:54:20.123456Z"


@state_matches_newest_order.fails
def state_ahead(submission: Submission) -> None:
    submission.state = "2025-11-20T00:00:00.000000Z"


@state_matches_newest_order.fails
def state_cut_to_milliseconds(submission: Submission) -> None:
    submission.state = "2025-11-19T12:24:20.123Z"
    submission.revise_rounds(_cut_states)


@state_matches_newest_order.passes(advice=("keeps_microseconds",))
def lake_in_milliseconds(submission: Submission) -> None:
    submission.types["created_at"] = "ms"


@state_matches_newest_order.passes
def newest_row_was_rejected(submission: Submission) -> None:
    submission.insert([order(21, MOMENT, amount="-1.00")])
    submission.state = format_timestamp(MOMENT)


def _cut_states(records: list[RoundRecord]) -> list[RoundRecord]:
    def cut(snapshot: Snapshot) -> Snapshot:
        return snapshot.model_copy(update={"state": f"{snapshot.state[:-4]}Z" if snapshot.state else None})

    return [
        record.model_copy(
            update={
                "runs": tuple(
                    run.model_copy(update={"before": cut(run.before), "after": cut(run.after)}) for run in record.runs
                )
            }
        )
        for record in records
    ]
