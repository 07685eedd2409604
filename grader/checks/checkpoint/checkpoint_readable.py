import shutil
from pathlib import Path

from configs.wording import counted
from grader.builder import CHECKPOINT, Submission, remove_with_checksum, renew_checksum
from grader.effects import first_order_is_repeated, lost_rows, only_newest, topic_grew
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    hint="Give writeStream a checkpointLocation and keep it. Without it every restart reads the topic again. "
    "If nothing ran yet, run `make round1` first.",
    explains={
        **lost_rows(lambda evidence, missing: not evidence.checkpoint.exists or only_newest(evidence, missing)),
        "round_advanced_offsets": topic_grew,
        "no_duplicate_orders": first_order_is_repeated,
    },
)
def checkpoint_readable(evidence: Evidence) -> None:
    """The consumer's checkpoint is there and every file in it can be read.

    Reads offsets/ (planned batches) and commits/ (finished batches). With the checkpoint a restarted consumer continues
    where it stopped, and neither loses nor repeats a batch.

    The offsets show what the consumer read. Those of files, a socket or the rate source are not those of Kafka.
    """
    checkpoint = evidence.checkpoint
    if not checkpoint.exists:
        where = evidence.locations.checkpoint
        raise Mismatch(expected="a checkpoint", actual=f"none at {where}" if where else "none in the submission")
    if not checkpoint.offset_batches:
        raise Mismatch(expected="at least one batch in offsets/", actual="none")
    if checkpoint.other_source is not None:
        raise Mismatch(
            expected='offsets of a Kafka topic: spark.readStream.format("kafka"), with a new checkpoint folder',
            actual=f"the offsets show that the consumer read {checkpoint.other_source}, not Kafka",
        )
    if checkpoint.problems:
        raise Mismatch(
            expected="files as Spark writes them",
            actual=counted(len(checkpoint.problems), "unreadable file"),
            samples=tuple({"problem": problem} for problem in checkpoint.problems[:3]),
        )


@checkpoint_readable.fails(also=("round_advanced_offsets",))
def no_checkpoint(submission: Submission) -> None:
    submission.edit(lambda root: shutil.rmtree(root / CHECKPOINT))


@checkpoint_readable.fails
def empty_offsets_file(submission: Submission) -> None:
    submission.write(f"{CHECKPOINT}/offsets/1", "")


@checkpoint_readable.fails
def garbage_in_commits(submission: Submission) -> None:
    submission.edit(lambda root: (root / CHECKPOINT / "commits" / "1").write_bytes(b"\xff\xfe garbage"))


def _reads(name: str, offset: str, says: str, start: str | None) -> None:
    """Register a consumer of another source: its offsets, and its file in sources/ if it writes one."""

    def build(submission: Submission) -> None:
        submission.edit(lambda root: _change_source(root, offset, start))

    build.__name__ = f"consumer_of_{name}"
    checkpoint_readable.fails(says=says)(build)


_reads("files", '{"logOffset":%d}', "the consumer read files, not Kafka", 'v1\n{"path":"file:///x","batchId":0}')
_reads("a_socket", "%d", "the consumer read a socket, not Kafka", None)
_reads("the_rate_source", "%d", "the consumer read the rate source, not Kafka", "v1\n1763468640000")


def _change_source(root: Path, offset: str, start: str | None) -> None:
    for path in (root / CHECKPOINT / "offsets").glob("[0-9]"):
        *head, _ = path.read_text().splitlines()
        path.write_text("\n".join([*head, offset % int(path.name)]))
        renew_checksum(path)
    first = root / CHECKPOINT / "sources" / "0" / "0"
    if start is None:
        remove_with_checksum(first)
    else:
        first.write_text(start)
        renew_checksum(first)


@checkpoint_readable.passes
def note_of_the_topic_id(submission: Submission) -> None:
    submission.write(f"{CHECKPOINT}/kafka_topic.json", '{"topic": "orders", "id": "x"}')


@checkpoint_readable.passes
def empty_source_next_to_kafka(submission: Submission) -> None:
    submission.edit(_add_void_source)


@checkpoint_readable.passes
def commit_without_second_line(submission: Submission) -> None:
    submission.edit(_shorten_commit)


def _add_void_source(root: Path) -> None:
    path = root / CHECKPOINT / "offsets" / "2"
    path.write_bytes(path.read_bytes() + b"\n-")
    renew_checksum(path)


def _shorten_commit(root: Path) -> None:
    path = root / CHECKPOINT / "commits" / "1"
    path.write_text("v1")
    renew_checksum(path)
