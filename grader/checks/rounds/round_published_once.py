from configs.contract import RoundRecord
from configs.wording import counted
from grader.builder import Submission
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check


@check(
    needs=("rounds_readable",),
    hint="Read `created_at > state`, not >=, and keep all six digits in the state. Else the producer sends the newest "
    "rows again at every poll.",
    explains=("no_duplicate_orders", "round_added_exactly"),
)
def round_published_once(evidence: Evidence) -> None:
    """In a round the topic grew by the inserted rows, and by no more.

    A producer that is killed at the wrong moment may send rows again, and the consumer drops the duplicates: so this is
    advice. But a round kills nothing, so duplicates in every round come from the cursor. Each transaction also takes
    one more offset in each partition.
    """
    looked = [item for item in evidence.rounds.runs if item.run.complete and item.run.before.topic_offsets]
    if not looked:
        raise NoEvidence("no complete round recorded the topic's offsets")
    for item in looked:
        run = item.run
        grown = sum(run.after.topic_offsets.values()) - sum(run.before.topic_offsets.values())
        direct = sum(row.raw is not None for row in run.rejected)
        due = max(run.after.postgres_rows - run.before.postgres_rows, len(run.inserted)) + direct
        if grown > due:
            raise Mismatch(expected=f"+{counted(due, 'message')} in {item.name}", actual=f"{grown:+}")


@round_published_once.fails
def newest_row_sent_at_every_poll(submission: Submission) -> None:
    submission.revise_rounds(_three_more)


def _three_more(records: list[RoundRecord]) -> list[RoundRecord]:
    first, second = records
    (run,) = second.runs
    offsets = {**run.after.topic_offsets, "0": run.after.topic_offsets["0"] + 3}
    after = run.after.model_copy(update={"topic_offsets": offsets})
    return [first, second.model_copy(update={"runs": (run.model_copy(update={"after": after}),)})]
