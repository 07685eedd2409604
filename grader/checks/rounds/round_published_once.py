from configs.contract import RoundRecord, RoundRun
from configs.wording import counted
from grader.builder import Submission
from grader.effects import rounds_added_too_many
from grader.evidence import Evidence
from grader.evidence.rounds import Run
from grader.model import Mismatch, NoEvidence, check


def _looked_at(evidence: Evidence) -> list[Run]:
    return [item for item in evidence.rounds.runs if item.run.complete and item.run.before.topic_offsets]


def _due(run: RoundRun) -> int:
    """The messages that the topic should get during a run."""
    direct = sum(row.raw is not None for row in run.rejected)
    return max(run.after.postgres_rows - run.before.postgres_rows, len(run.inserted)) + direct


def _newest_is_repeated(evidence: Evidence) -> bool:
    """Whether the lake repeats an order that the producer reads again: the newest at the begin or end of the round."""
    repeated, rows = evidence.lake.ids.repeated, evidence.rounds.expected_orders
    if repeated is None:
        return False
    newest = set[int]()
    for item in _looked_at(evidence):
        own = [row for row in rows if row.order_id in item.run.expected_ids]
        if own and item.topic_growth > _due(item.run):
            earlier = [row for row in rows if row.created_at < min(one.created_at for one in own)]
            newest |= {max(some, key=lambda row: row.created_at).order_id for some in (own, earlier) if some}
    return bool(repeated.those_of(newest))


@check(
    needs=("rounds_readable",),
    hint="Read `created_at > state`, not >=, and keep all six digits in the state. Else the producer sends the newest "
    "rows again at every poll.",
    explains={
        "no_duplicate_orders": _newest_is_repeated,
        "round_added_exactly": rounds_added_too_many,
    },
)
def round_published_once(evidence: Evidence) -> None:
    """In a round the topic grew by the inserted rows, and by no more.

    A producer that is killed at the wrong moment may send rows again, and the consumer drops the duplicates: so this is
    advice. But a round kills nothing, so duplicates in every round come from the cursor. Each transaction also takes
    one more offset in each partition.
    """
    looked = _looked_at(evidence)
    if not looked:
        raise NoEvidence("no complete round recorded the topic's offsets")
    for item in looked:
        due = _due(item.run)
        if item.topic_growth > due:
            raise Mismatch(expected=f"+{counted(due, 'message')} in {item.name}", actual=f"{item.topic_growth:+}")


@round_published_once.fails
def newest_row_sent_at_every_poll(submission: Submission) -> None:
    submission.revise_rounds(_three_more)


def _three_more(records: list[RoundRecord]) -> list[RoundRecord]:
    first, second = records
    (run,) = second.runs
    offsets = {**run.after.topic_offsets, "0": run.after.topic_offsets["0"] + 3}
    after = run.after.model_copy(update={"topic_offsets": offsets})
    return [first, second.model_copy(update={"runs": (run.model_copy(update={"after": after}),)})]
