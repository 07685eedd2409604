from scripts.drills.model import drill
from scripts.drills.pipeline import CONSUMER, Pipeline

BATCHES = 3  # before the checkpoint is deleted: the lake's log is at least so far ahead of a new checkpoint


@drill(
    naive="Batches are numbered from 0 again. The lake's log has these numbers already, so Spark takes the batches for "
    "written and skips them, without an error. The rows that come after the deletion are lost until the numbers have "
    "passed the log.",
    withstands="At its start the consumer compares the lake's log with the checkpoint. It refuses to start, and says "
    "what to put back. With the old checkpoint it continues where it was.",
)
def checkpoint_deleted(pipeline: Pipeline) -> None:
    """The consumer's checkpoint is deleted while the consumer is down, and the lake is kept.

    Rows are inserted in three batches before that, 4 while there is no checkpoint, and 2 after. The checkpoint is only
    moved. A consumer that refuses to start gets it back, as an operator would do.
    """
    for _ in range(BATCHES):
        pipeline.insert(2)
        pipeline.settle()
    pipeline.kill(CONSUMER)
    moved = pipeline.checkpoint.with_name(f"{pipeline.checkpoint.name}.moved")
    pipeline.checkpoint.rename(moved)
    pipeline.note("checkpoint deleted")
    pipeline.insert(4)
    pipeline.wait(pipeline.is_all_published, "the state at the newest row")
    pipeline.start_unsupervised(CONSUMER)
    pipeline.wait(
        lambda: not pipeline.is_alive(CONSUMER) or pipeline.is_topic_read(),
        "a consumer that refuses to start, or has read the topic",
    )
    if not pipeline.is_alive(CONSUMER):
        moved.rename(pipeline.checkpoint)
        pipeline.start(CONSUMER)
    else:
        pipeline.supervise(CONSUMER)
    pipeline.insert(2)
