import itertools
from pathlib import Path

from grader.builder import CHECKPOINT, Submission
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    needs=("checkpoint_readable",),
    hint="The topic was recreated but the checkpoint was kept, or files were edited. `make reset` starts over.",
)
def offsets_never_go_back(evidence: Evidence) -> None:
    """From batch to batch, no partition's end offset gets smaller and no partition disappears.

    Kafka's offsets only grow. If they go back, the topic was recreated. Messages were then lost or read twice.
    """
    offsets = evidence.checkpoint.offsets
    batches = sorted(offsets)
    for earlier, later in itertools.pairwise(batches):
        for topic, ends in offsets[earlier].items():
            for partition, end in ends.items():
                now = offsets[later].get(topic, {}).get(partition) if topic in offsets[later] else end
                if now is None or now < end:
                    raise Mismatch(
                        expected=f"partition {partition} of {topic} at {end} or more in batch {later}",
                        actual="no such partition" if now is None else str(now),
                    )


@offsets_never_go_back.fails
def topic_recreated(submission: Submission) -> None:
    submission.edit(_start_over)


def _start_over(root: Path) -> None:
    folder = root / CHECKPOINT / "offsets"
    content = (folder / "0").read_bytes()
    (folder / "2").write_bytes(content)
    (folder / ".2.crc").write_bytes((folder / ".0.crc").read_bytes())
