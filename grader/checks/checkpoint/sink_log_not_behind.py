import shutil
from pathlib import Path

from grader.builder import CHECKPOINT, LAKE, Submission
from grader.effects import lost_rows, only_newest, only_other_sizes
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check


@check(
    needs=("checkpoint_readable",),
    hint="The lake was deleted or replaced and the checkpoint was kept, so its batches are not read again. Delete both "
    "(`make reset`), or neither.",
    explains={**lost_rows(only_newest), "round_rewrote_nothing": only_other_sizes},
)
def sink_log_not_behind(evidence: Evidence) -> None:
    """Every batch that is finished in the checkpoint is in the lake's log.

    Spark writes the log of a batch before its commit, even for a batch without rows. If a commit has no log, this
    checkpoint belongs to another lake. The consumer does not read the rows of that lake from the topic again.
    """
    checkpoint = evidence.checkpoint
    log = evidence.lake.log
    last = max(set(checkpoint.commit_batches) & set(checkpoint.offset_batches), default=None)
    if log is None:
        raise NoEvidence("the lake has no _spark_metadata: foreachBatch does not write it")
    if last is None:
        raise NoEvidence("no batch was finished")
    if log.last_batch is None or log.last_batch < last:
        raise Mismatch(
            expected=f"batch {last} of commits/ in the sink log",
            actual="an empty log" if log.last_batch is None else f"the log ends at batch {log.last_batch}",
        )


@sink_log_not_behind.fails(
    also=("no_missing_orders", "round_rows_arrived", "round_rewrote_nothing", "state_matches_newest_order")
)
def lake_put_back_from_a_backup(submission: Submission) -> None:
    submission.edit(_forget_last_batch)


@sink_log_not_behind.fails
def checkpoint_of_another_lake(submission: Submission) -> None:
    submission.edit(_one_more_commit)


def _forget_last_batch(root: Path) -> None:
    (root / LAKE / "_spark_metadata" / "2").unlink()
    shutil.rmtree(root / LAKE / "date=2025-11-19")


def _one_more_commit(root: Path) -> None:
    for name in ("offsets", "commits"):
        folder = root / CHECKPOINT / name
        for file in ("2", ".2.crc"):
            shutil.copy(folder / file, folder / file.replace("2", "3"))


@sink_log_not_behind.passes
def killed_between_log_and_commit(submission: Submission) -> None:
    submission.remove(f"{CHECKPOINT}/commits/2")
