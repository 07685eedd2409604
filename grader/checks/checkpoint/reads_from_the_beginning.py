from configs.wording import counted
from grader.builder import Submission
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check


@check(
    needs=("checkpoint_readable",),
    hint='Set startingOffsets to "earliest". The default of a new stream is "latest", which skips existing messages.',
    explains=("no_missing_orders", "round_rows_arrived"),
)
def reads_from_the_beginning(evidence: Evidence) -> None:
    """The consumer began at the first message of the topic.

    sources/0/0 of the checkpoint has the offsets where the query began. If they are above 0, the consumer skipped the
    messages before, or Kafka had already removed them. The files cannot show which, so this is advice.
    no_missing_orders counts the lost orders.
    """
    begin = evidence.checkpoint.start_offsets
    if begin is None or not begin:
        raise NoEvidence("sources/0/0 of the checkpoint does not say where the consumer began")
    late = [
        {"topic": topic, "partition": partition, "first offset read": offset}
        for topic, offsets in sorted(begin.items())
        for partition, offset in sorted(offsets.items())
        if offset > 0
    ]
    if late:
        skipped = sum(int(str(row["first offset read"])) for row in late)
        raise Mismatch(
            expected="offset 0 in every partition",
            actual=f"{counted(skipped, 'message')} skipped",
            samples=tuple(late[:3]),
        )


@reads_from_the_beginning.fails
def starting_offsets_latest(submission: Submission) -> None:
    submission.skipped = 4
