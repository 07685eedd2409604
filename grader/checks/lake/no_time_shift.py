from datetime import timedelta

from configs.contract import format_timestamp, parse_timestamp
from grader.builder import Submission
from grader.effects import lost_rows, newest_us, state_us
from grader.evidence import Evidence
from grader.evidence.comparison import Pair, altered
from grader.evidence.orders import SECOND_US
from grader.model import Mismatch, NoEvidence, check


def _folders_fit(evidence: Evidence) -> bool:
    """Whether every folder is the date of created_at before the shift, or after a second one."""
    shift, lake = evidence.created_at_shift_us or 0, evidence.lake
    has_dates = all(any(part.startswith("date=") for part in file.path.split("/")) for file in lake.files)
    return has_dates and not lake.is_misplaced_beyond(shift)


def _state_is_shifted(evidence: Evidence) -> bool:
    """Whether the state is off by the same offset, or by two of it: driver and JSON may both use local time."""
    state, newest, shift = state_us(evidence), newest_us(evidence), evidence.created_at_shift_us or 0
    if state is None or newest is None:
        return False
    return any(abs(abs(state - newest) - times * abs(shift)) < SECOND_US for times in (1, 2))


def _state_is_shifted_ahead(evidence: Evidence) -> bool:
    """Whether the producer passed over the rows of the hours between."""
    return _state_is_shifted(evidence) and (state_us(evidence) or 0) > (newest_us(evidence) or 0)


def _only_times_differ(evidence: Evidence, pair: Pair | None) -> bool:
    """Whether no other column differs. Some times may: in summer the offset is another one."""
    if pair is None:
        return False
    shift = evidence.created_at_shift_us or 0
    found = altered(pair, evidence.lake, limit=0, shift_us=shift, status_moves=pair is evidence.database_diff)
    return set(found.columns) <= {"created_at"}


@check(
    needs=("lake_readable", "lake_schema"),
    hint="Use UTC everywhere: -Duser.timezone=UTC for the JVM, spark.sql.session.timeZone=UTC, and Z in the JSON.",
    explains={
        **lost_rows(lambda evidence, _: _state_is_shifted_ahead(evidence)),
        "date_folders": _folders_fit,
        "state_matches_newest_order": _state_is_shifted,
        "state_moved_forward": _state_is_shifted,
        "values_match_database": lambda evidence: _only_times_differ(evidence, evidence.database_diff),
        "round_values_kept": lambda evidence: _only_times_differ(evidence, evidence.rounds_diff),
        "no_backdated_orders": _state_is_shifted_ahead,
    },
)
def no_time_shift(evidence: Evidence) -> None:
    """created_at in the lake is not shifted by a time zone.

    Compares created_at with Postgres, or with the round records if there is no database. It is a time zone if more than
    half of the rows have one offset, a multiple of 15 minutes. The JVM, the session, JDBC or the JSON then used local
    time. As a result dates near midnight are wrong, and joins on created_at fail.
    """
    shift = evidence.created_at_shift_us
    if shift is None:
        raise NoEvidence("there is no database and no round record to compare created_at with")
    if shift:
        moved = timedelta(microseconds=abs(shift))
        raise Mismatch(
            expected="created_at as in Postgres, in UTC",
            actual=f"{moved} {'later' if shift > 0 else 'earlier'} in the lake",
        )


def _move(submission: Submission, hours: float) -> None:
    for row in submission.rows:
        moved = parse_timestamp(row.created_at) + timedelta(hours=hours)
        submission.change_in_lake(row.order_id, created_at=format_timestamp(moved))


@no_time_shift.fails(says="5:30:00 later")
def local_time_of_india(submission: Submission) -> None:
    _move(submission, 5.5)


@no_time_shift.fails(says="1:00:00 earlier")
def an_hour_early(submission: Submission) -> None:
    _move(submission, -1)


@no_time_shift.fails(says="8:00:00 earlier")
def shifted_and_no_database(submission: Submission) -> None:
    submission.has_database = False
    _move(submission, -8)


@no_time_shift.fails(also=("keeps_microseconds",))
def shifted_and_cut_to_milliseconds(submission: Submission) -> None:
    submission.types["created_at"] = "ms"
    _move(submission, 2)


@no_time_shift.passes
def offset_written_out(submission: Submission) -> None:
    submission.types["created_at"] = "string"
    for row in submission.rows:
        local = parse_timestamp(row.created_at) + timedelta(hours=5, minutes=30)
        text = f"{format_timestamp(local)[:-1]}+05:30"
        submission.days[row.order_id] = row.created_at[:10]
        submission.change_in_lake(row.order_id, created_at=text)
