from pathlib import Path

from grader.builder import CHECKPOINT, ROLLNUMBER, Submission, renew_checksum
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check


@check(
    needs=("checkpoint_readable", "config_valid"),
    hint="Subscribe to kafka.topic of the config. If the topic's name changes, use a new checkpoint folder.",
)
def topic_is_configured(evidence: Evidence) -> None:
    """The consumer reads only the topic that the config names.

    The checkpoint's offsets name the topic that the consumer really read.
    """
    settings, topics = evidence.config.settings, evidence.checkpoint.topics
    if not topics:
        raise NoEvidence("no batch in the checkpoint names a topic")
    if settings is not None and topics != (settings.kafka.topic,):
        raise Mismatch(expected=settings.kafka.topic, actual=", ".join(topics))


@topic_is_configured.fails
def topic_changed_under_a_kept_checkpoint(submission: Submission) -> None:
    submission.edit(_change_topic)


@topic_is_configured.fails
def another_topic(submission: Submission) -> None:
    submission.topic = "orders"


def _change_topic(root: Path) -> None:
    path = root / CHECKPOINT / "offsets" / "2"
    path.write_bytes(path.read_bytes().replace(f"{ROLLNUMBER}_food_orders_raw".encode(), b"orders_v2"))
    renew_checksum(path)
