from configs.contract import RoundRecord
from grader.builder import Submission
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check


@check(
    needs=("rounds_readable",),
    hint="Keep one checkpoint folder for all runs. The producer must publish to the topic of the config.",
)
def round_advanced_offsets(evidence: Evidence) -> None:
    """Each round moved the topic's offsets and the checkpoint's batches forward.

    The topic must grow at least by the rows that must arrive, and the checkpoint must plan a new batch.
    """
    if not evidence.rounds.runs:
        raise NoEvidence("no round was recorded; run `make round1`")
    for item in evidence.rounds.runs:
        run = item.run
        due = len(run.expected_ids)
        if not due:
            continue
        if run.complete and run.after.topic_offsets and item.topic_growth < due:
            raise Mismatch(expected=f"+{due} in the topic's offsets in {item.name}", actual=f"{item.topic_growth:+}")
        before = run.before.last_offset_batch
        after = item.next_before.last_offset_batch if item.next_before else evidence.checkpoint.last_offset_batch
        if after is None or (before is not None and after <= before):
            raise Mismatch(
                expected="a batch in the checkpoint"
                + ("" if before is None else f" after batch {before}")
                + f" at the end of {item.name}",
                actual="no batch" if after is None else f"last batch {after}",
            )


@round_advanced_offsets.fails
def nothing_published_in_round_2(submission: Submission) -> None:
    submission.revise_rounds(_unpublished)


def _unpublished(records: list[RoundRecord]) -> list[RoundRecord]:
    first, second = records
    (run,) = second.runs
    after = run.after.model_copy(update={"topic_offsets": run.before.topic_offsets})
    return [first, second.model_copy(update={"runs": (run.model_copy(update={"after": after}),)})]
