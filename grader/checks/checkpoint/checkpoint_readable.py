import shutil
from pathlib import Path

from configs.wording import counted
from grader.builder import CHECKPOINT, Submission, renew_checksum
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    hint="Give writeStream a checkpointLocation and keep it. Without it every restart reads the topic again. "
    "If nothing ran yet, run `make round1` first.",
    explains=(
        "round_rows_arrived",
        "no_missing_orders",
        "round_added_exactly",
        "state_matches_newest_order",
        "round_advanced_offsets",
        "no_duplicate_orders",
    ),
)
def checkpoint_readable(evidence: Evidence) -> None:
    """The consumer's checkpoint is there and every file in it can be read.

    Reads offsets/ (planned batches) and commits/ (finished batches). With the checkpoint a restarted consumer continues
    where it stopped, and neither loses nor repeats a batch.
    """
    checkpoint = evidence.checkpoint
    if not checkpoint.exists:
        where = evidence.locations.checkpoint
        raise Mismatch(expected="a checkpoint", actual=f"none at {where}" if where else "none in the submission")
    if not checkpoint.offset_batches:
        raise Mismatch(expected="at least one batch in offsets/", actual="none")
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
