from __future__ import annotations

import contextlib
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from configs.contract import RoundRecord, Snapshot, format_timestamp
from grader.builder import MOMENT, Submission, leave_batch_in_flight, order
from grader.effects import newest_us, repeats_are_after, state_us
from grader.evidence import Evidence
from grader.evidence.comparison import UNFINISHED, newest_rejected_us
from grader.evidence.orders import MILLISECOND_US, SECOND_US, moment_or_none, moment_text, moment_us
from grader.model import Mismatch, NoEvidence, Undecided, check

if TYPE_CHECKING:
    import pyarrow as pa

_CREATED_AT = re.compile(r'"created_at"\s*:\s*"([^"]+)"')


def _is_behind(evidence: Evidence) -> bool:
    """Whether the producer reads rows again at every poll."""
    state, newest = state_us(evidence), newest_us(evidence)
    return state is not None and newest is not None and state < newest


@check(
    needs=("state_readable", "lake_readable", "lake_schema"),
    hint="After each publish, write the greatest created_at of the published rows, with all six digits. If a batch is "
    "not finished, start the consumer and wait.",
    explains={
        "round_published_once": _is_behind,
        "no_duplicate_orders": lambda evidence: repeats_are_after(evidence, state_us(evidence)),
    },
)
def state_matches_newest_order(evidence: Evidence) -> None:
    """The state is the created_at of the newest order.

    Compares the state with the greatest created_at of the lake. If the state is behind it, the producer sends rows
    again at every poll. If the state is ahead of it, the producer never sends the rows in between. Such a state
    came from the clock, or from rows that were not published. The state may be ahead of the lake in these cases:

    - By less than a second, if neither Postgres nor a round has the exact time of the newest order. The lake may keep
      only whole milliseconds or seconds.
    - By rows that had to be rejected, or that are in the quarantine.

    Without a database the check is skipped if both of this is true: the state is ahead, and some messages that the
    consumer read are neither in the lake nor in a quarantine. One of these may have been the newest order, correctly
    rejected. If all created_at differ by the same offset, only no_time_shift fails.
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
    if state <= max(most, _newest_rejected(evidence)) or _is_of_a_quarantined(evidence, state):
        return
    ahead = f"{moment_text(state)}, ahead of it by {_span(state - newest)}"
    at_source = _newest_in_database(evidence)
    if evidence.batch_in_flight is not None and (at_source is None or state <= at_source):
        raise Mismatch(expected, f"{ahead}: batch {evidence.batch_in_flight} is {UNFINISHED}")
    account = evidence.account
    if at_source is None and (account is None or account.unexplained > 0):
        raise Undecided("the state is ahead of the lake, but the newest order may be one that had to be rejected")
    raise Mismatch(expected, ahead)


def _span(micros: int) -> str:
    return str(timedelta(microseconds=micros))


def _newest_at_source(evidence: Evidence) -> int | None:
    """created_at of the lake's newest order in Postgres or in the rounds; None if it is in neither."""
    import pyarrow.compute as pc

    newest = evidence.lake.greatest_created_us
    for pair in evidence.pairs:
        if pair.right.num_rows and pc.max(pair.right.column("created_at")).as_py() == newest:
            found: int | None = pc.max(pair.left.column("created_at")).as_py()
            return found
    return None


def _newest_rejected(evidence: Evidence) -> int:
    """created_at of the newest row that had to be rejected, as far as rounds and database know."""
    moments = [moment_or_none(row.created_at) for row in evidence.rounds.rejected_orders]
    orders = _judgeable(evidence)
    if orders is not None:
        moments.append(newest_rejected_us(orders))
    return max((moment for moment in moments if moment is not None), default=0)


def _is_of_a_quarantined(evidence: Evidence, state: int) -> bool:
    """Whether the state is the created_at of a message in the quarantine, compared to the precision of the message."""
    quarantine = evidence.quarantine
    if not quarantine.exists or quarantine.problems:
        return False
    with contextlib.suppress(Mismatch):  # a damaged file, which another check reports
        found = {written[1] for message in quarantine.messages if (written := _CREATED_AT.search(message.raw or ""))}
        moments = [moment for text in found if (moment := moment_or_none(text)) is not None]
        return any(state - state % _digits_us(moment) == moment for moment in moments)
    return False


def _digits_us(moment: int) -> int:
    return next(unit for unit in (SECOND_US, MILLISECOND_US, 1) if moment % unit == 0)


def _newest_in_database(evidence: Evidence) -> int | None:
    """The newest created_at of Postgres; None if Postgres cannot say which rows had to be rejected."""
    import pyarrow.compute as pc

    orders = _judgeable(evidence)
    return None if orders is None else int(pc.max(orders.column("created_at")).as_py() or 0)


def _judgeable(evidence: Evidence) -> pa.Table | None:
    """The orders of Postgres, if they have the columns that identify a bad row."""
    orders = evidence.database.orders
    has_columns = orders is not None and {"order_id", "amount", "created_at"} <= set(orders.column_names)
    return orders if has_columns else None


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


@state_matches_newest_order.fails(
    also=("no_missing_orders",), says="ahead of it by 22:00:05: batch 2 is planned, not finished: start the consumer"
)
def consumer_killed_before_it_wrote_anything(submission: Submission) -> None:
    submission.rounds = 1
    submission.edit(leave_batch_in_flight)


@state_matches_newest_order.fails(also=("no_missing_orders",), says="2025-11-20T00:00:00.000000Z, ahead of it by")
def state_from_the_clock_and_a_batch_in_flight(submission: Submission) -> None:
    submission.rounds = 1
    submission.state = "2025-11-20T00:00:00.000000Z"
    submission.edit(leave_batch_in_flight)


@state_matches_newest_order.fails
def state_from_the_clock_and_a_quarantine(submission: Submission) -> None:
    submission.add_round_3()
    submission.has_database = False
    submission.rounds = 0
    submission.state = "2025-11-19T13:24:28.000000Z"


@state_matches_newest_order.passes
def newest_row_in_the_quarantine_and_no_database(submission: Submission) -> None:
    submission.add_round_3()
    submission.has_database = False
    submission.rounds = 0


@state_matches_newest_order.passes
def newest_row_rejected_without_a_trace_and_no_database(submission: Submission) -> None:
    _reject_the_newest(submission, "-1.00")


@state_matches_newest_order.passes
def newest_row_with_zero_amount_dropped_and_no_database(submission: Submission) -> None:
    _reject_the_newest(submission, "0.00")


@state_matches_newest_order.passes
def bad_row_sent_by_hand_after_the_rounds_and_no_database(submission: Submission) -> None:
    _reject_the_newest(submission, "-3.00")
    submission.rounds = 2


def _reject_the_newest(submission: Submission, amount: str) -> None:
    """A batch with a message that did not reach the lake. Only the offsets of the batch show it."""
    submission.insert([order(21, MOMENT, amount=amount)])
    submission.append_batch([])
    submission.has_database = False
    submission.rounds = 0


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
