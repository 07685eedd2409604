from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline


@drill(
    withstands="Each message is on two brokers before it counts as published. The two others elect leaders for the "
    "partitions of the third.",
)
def broker_killed(pipeline: Pipeline) -> None:
    """kill -9 of one of three brokers.

    Two writers insert meanwhile. When two more batches are in the lake, the broker is started again.
    """
    with pipeline.writers(2):
        pipeline.wait(pipeline.is_batch_under_way, "a batch that is planned and not finished")
        pipeline.kill_service("kafka_2")
        pipeline.wait_for_batches(2)
    pipeline.start_services()
    pipeline.wait_for_replicas()
