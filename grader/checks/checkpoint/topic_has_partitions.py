import json
from pathlib import Path

from configs.wording import counted
from grader.builder import CHECKPOINT, Submission, renew_checksum
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check

_REQUIRED = 3


@check(
    needs=("checkpoint_readable",),
    hint="Create the topic with --partitions 3 before the first message. If Kafka creates it, it has only one.",
)
def topic_has_partitions(evidence: Evidence) -> None:
    """The topic has three partitions, as the assignment asks.

    Counts the partitions in the last offsets of the checkpoint. One task reads one partition. With only one partition,
    more cores do not help.
    """
    offsets = evidence.checkpoint.offsets
    last = offsets[max(offsets)] if offsets else {}
    if not last:
        raise NoEvidence("no batch in the checkpoint names a topic")
    few = {topic: len(ends) for topic, ends in last.items() if len(ends) < _REQUIRED}
    if few:
        raise Mismatch(
            expected=counted(_REQUIRED, "partition"),
            actual=", ".join(f"{count} of {topic}" for topic, count in sorted(few.items())),
        )


@topic_has_partitions.fails(says="1 of 2025em1100471_food_orders_raw")
def topic_made_by_kafka_itself(submission: Submission) -> None:
    submission.edit(_one_partition)


def _one_partition(root: Path) -> None:
    for path in [*(root / CHECKPOINT / "offsets").glob("[0-9]*"), root / CHECKPOINT / "sources" / "0" / "0"]:
        *head, line = path.read_text().split("\n")
        ends = {topic: {"0": sum(ends.values())} for topic, ends in json.loads(line).items()}
        path.write_text("\n".join([*head, json.dumps(ends, separators=(",", ":"))]))
        renew_checksum(path)
