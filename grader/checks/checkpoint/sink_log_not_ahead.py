from grader.builder import CHECKPOINT, LAKE, Submission
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check


@check(
    needs=("checkpoint_readable",),
    hint="The checkpoint was deleted and the lake was kept, so Spark skips batches. Delete both (`make reset`), or "
    "neither.",
    explains=(
        "round_rows_arrived",
        "no_missing_orders",
        "round_added_exactly",
        "state_matches_newest_order",
        "round_advanced_offsets",
    ),
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


@sink_log_not_ahead.passes
def no_sink_log(submission: Submission) -> None:
    submission.log = False
