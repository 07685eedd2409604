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
    every poll; one ahead of it skips rows for ever. The state may be finer than a lake that keeps whole milliseconds or
    seconds, so less than a second ahead is allowed, and so is being ahead by rows that had to be rejected.
    """
    value, newest = evidence.state.value, evidence.lake.greatest_created_us
    if value is None or newest is None:
        raise NoEvidence("the lake has no row with a created_at")
    state = moment_us(format_timestamp(value.timestamp))
    if state < newest:
        raise Mismatch(expected=f"{moment_text(newest)} (the newest order)", actual=f"{moment_text(state)}, behind it")
    if state - max(newest, _newest_rejected(evidence)) >= SECOND_US:
        raise Mismatch(
            expected=f"{moment_text(newest)} (the newest order)", actual=f"{moment_text(state)}, ahead of it"
        )


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


@state_matches_newest_order.fails
def state_ahead(submission: Submission) -> None:
    submission.state = "2025-11-20T00:00:00.000000Z"


@state_matches_newest_order.fails
def state_cut_to_milliseconds(submission: Submission) -> None:
    submission.state = "2025-11-19T12:24:20.123Z"
    submission.revise_rounds(_cut_states)


@state_matches_newest_order.passes
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
