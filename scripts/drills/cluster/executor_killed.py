from scripts.drills.model import drill
from scripts.drills.pipeline import CONSUMER, Pipeline


@drill(
    withstands="Spark runs the lost tasks again on a new executor. The log does not name files of the lost attempt. "
    "The store of order_ids takes the changes of one attempt only.",
)
def executor_killed(pipeline: Pipeline) -> None:
    """kill -9 of the consumer's executor in the middle of a batch.

    Twice, while two writers insert.
    """
    with pipeline.writers(2):
        for _ in range(2):
            pipeline.wait(pipeline.is_batch_under_way, "a batch that is planned and not finished")
            pipeline.kill_executors(CONSUMER)
            pipeline.wait_for_batches(1)
