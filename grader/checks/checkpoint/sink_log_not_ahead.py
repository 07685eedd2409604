import shutil
from pathlib import Path

from grader.builder import CHECKPOINT, CONFIG, LAKE, Submission, remove_with_checksum, renew_checksum
from grader.effects import lost_rows, only_newest, topic_grew
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check


@check(
    needs=("checkpoint_readable",),
    hint="The checkpoint was deleted and the lake was kept, so Spark skips batches. Delete both (`make reset`), or "
    "neither.",
    explains={**lost_rows(only_newest), "round_advanced_offsets": topic_grew},
)
def sink_log_not_ahead(evidence: Evidence) -> None:
    """Every batch of the lake's log is in the checkpoint too.

    Spark skips a batch if its id is already in the sink log. After the checkpoint is deleted, ids begin at 0 again.
    Every batch up to the last one of the log is then silently lost.
    """
    log, last = evidence.lake.log, evidence.checkpoint.last_offset_batch
    if log is None or log.last_batch is None:
        raise NoEvidence("the lake has no _spark_metadata: foreachBatch does not write it")
    if last is None or log.last_batch > last:
        raise Mismatch(
            expected=f"batch {log.last_batch} of the sink log in offsets/",
            actual="no batch in offsets/" if last is None else f"offsets/ ends at batch {last}",
        )


@sink_log_not_ahead.fails(also=("round_advanced_offsets",))
def checkpoint_deleted_and_lake_kept(submission: Submission) -> None:
    for batch in (1, 2):
        submission.remove(f"{CHECKPOINT}/offsets/{batch}")
        submission.remove(f"{CHECKPOINT}/commits/{batch}")


@sink_log_not_ahead.fails
def consumer_started_over_and_no_rounds(submission: Submission) -> None:
    submission.rounds = 0
    for batch in (1, 2):
        submission.remove(f"{CHECKPOINT}/*/{batch}")


@sink_log_not_ahead.fails(also=("round_advanced_offsets",))
def checkpoint_deleted_and_log_moved(submission: Submission) -> None:
    checkpoint_deleted_and_lake_kept(submission)
    submission.edit(lambda root: (root / LAKE / "_spark_metadata").rename(root / LAKE / ".." / "_spark_metadata"))


@sink_log_not_ahead.fails(also=("round_advanced_offsets",), says="offsets/ ends at batch 0")
def checkpoint_deleted_and_an_older_copy_kept(submission: Submission) -> None:
    submission.edit(lambda root: _keep_older_copy(root, "checkpoints/a_copy"))
    submission.edit(lambda root: _replace(root / CONFIG, f"location: {CHECKPOINT}\n", "location: checkpoints\n"))
    checkpoint_deleted_and_lake_kept(submission)


@sink_log_not_ahead.passes
def checkpoint_of_an_earlier_run_in_a_folder_above(submission: Submission) -> None:
    submission.edit(lambda root: _keep_older_copy(root, "ckpt"))
    submission.edit(lambda root: _replace(root / CONFIG, f"location: {CHECKPOINT}\n", "location: /app/ckpt/orders\n"))


@sink_log_not_ahead.passes
def checkpoint_of_another_topic_with_as_many_batches(submission: Submission) -> None:
    submission.edit(_keep_one_of_another_topic)
    submission.edit(lambda root: _replace(root / CONFIG, f"location: {CHECKPOINT}\n", "location: /app/ckpt/orders\n"))


def _keep_older_copy(root: Path, name: str) -> None:
    """A checkpoint that has the first batch only."""
    shutil.copytree(root / CHECKPOINT, root / name)
    for batch in (1, 2):
        for folder in ("offsets", "commits"):
            remove_with_checksum(root / name / folder / f"{batch}")


def _keep_one_of_another_topic(root: Path) -> None:
    shutil.copytree(root / CHECKPOINT, root / "ckpt")
    for path in (root / "ckpt" / "offsets").glob("[0-9]"):
        path.write_bytes(path.read_bytes().replace(b"_food_orders_raw", b"_test"))
        renew_checksum(path)


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@sink_log_not_ahead.passes
def no_sink_log(submission: Submission) -> None:
    submission.log = False
