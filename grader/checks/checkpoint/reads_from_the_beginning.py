from configs.wording import counted
from grader.builder import Submission
from grader.effects import lost_rows
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check


def _late(evidence: Evidence) -> list[tuple[str, int, int]]:
    """topic, partition and first offset, where the first offset is above 0."""
    return [
        (topic, partition, offset)
        for topic, offsets in sorted((evidence.checkpoint.start_offsets or {}).items())
        for partition, offset in sorted(offsets.items())
        if offset > 0
    ]


@check(
    needs=("checkpoint_readable",),
    hint='Set startingOffsets to "earliest". The default of a new stream is "latest", which skips existing messages.',
    explains=lost_rows(lambda evidence, missing: missing.total <= sum(one for *_, one in _late(evidence))),
)
def reads_from_the_beginning(evidence: Evidence) -> None:
    """The consumer began at the first message of the topic.

    sources/0/0 of the checkpoint has the offsets where the query began. If they are above 0, the consumer skipped the
    messages before, or Kafka had already removed them. The files cannot show which, so this is advice.
    no_missing_orders counts the lost orders.
    """
    if not evidence.checkpoint.start_offsets:
        raise NoEvidence("sources/0/0 of the checkpoint does not say where the consumer began")
    late = _late(evidence)
    if late:
        raise Mismatch(
            expected="offset 0 in every partition",
            actual=f"{counted(sum(offset for *_, offset in late), 'message')} skipped",
            samples=tuple(
                {"topic": topic, "partition": partition, "first offset read": offset}
                for topic, partition, offset in late[:3]
            ),
        )


@reads_from_the_beginning.fails
def starting_offsets_latest(submission: Submission) -> None:
    submission.skipped = 4
