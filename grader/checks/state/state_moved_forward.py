from datetime import datetime

from configs.contract import RoundRecord, format_timestamp
from grader.builder import Submission
from grader.effects import repeats_are_after, state_us
from grader.evidence import Evidence
from grader.evidence.orders import moment_us
from grader.evidence.state import read_value
from grader.model import Mismatch, NoEvidence, always, check


@check(
    needs=("state_readable", "rounds_readable"),
    hint="Move the state after every publish, and only forward. Never take it from the clock or from a second query.",
    explains={
        "round_published_once": always,
        "no_duplicate_orders": lambda evidence: repeats_are_after(evidence, _lowest_us(evidence)),
    },
)
def state_moved_forward(evidence: Evidence) -> None:
    """Each round moved the state forward, and nothing moved it back.

    Compares the state before each run of a round with the state at the start of the next run. For the last run it
    compares with the state now.
    """
    if not evidence.rounds.runs:
        raise NoEvidence("no round was recorded; run `make round1`")
    now = evidence.state.value.timestamp if evidence.state.value else None
    reached = None
    for item in evidence.rounds.runs:
        before, after = _value(item.run.before.state), _value(item.run.after.state)
        _not_before(reached, before, f"before {item.name}")
        later = _value(item.next_before.state) if item.next_before else now
        if item.run.expected_ids and before is not None and (later is None or later <= before):
            raise Mismatch(
                expected=f"a state after {format_timestamp(before)} at the end of {item.name}",
                actual=format_timestamp(later) if later else "no readable state",
            )
        reached = max((moment for moment in (reached, before, after) if moment), default=None)
    _not_before(reached, now, "now")


def _lowest_us(evidence: Evidence) -> int | None:
    """The lowest state that a round saw, or that there is now."""
    texts = [seen.state for item in evidence.rounds.runs for seen in (item.run.before, item.run.after)]
    seen = [moment_us(format_timestamp(moment)) for moment in map(_value, texts) if moment]
    return min([*seen, *([now] if (now := state_us(evidence)) is not None else [])], default=None)


def _not_before(reached: datetime | None, moment: datetime | None, when: str) -> None:
    if reached is not None and moment is not None and moment < reached:
        raise Mismatch(expected=f"{format_timestamp(reached)} or later", actual=f"{format_timestamp(moment)} {when}")


def _value(text: str | None) -> datetime | None:
    try:
        return read_value(text).timestamp if text else None
    except ValueError:
        return None


@state_moved_forward.fails
def state_stood_still_in_round_2(submission: Submission) -> None:
    submission.revise_rounds(_stand_still)


def _stand_still(records: list[RoundRecord]) -> list[RoundRecord]:
    first, second = records
    (run,) = second.runs
    late = run.before.model_copy(update={"state": run.after.state})
    return [first, second.model_copy(update={"runs": (run.model_copy(update={"before": late}),)})]
