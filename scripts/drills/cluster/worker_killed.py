from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline


@drill(
    withstands="Its executors end with it. Their program waits for cores and says so. When the worker is back, Spark "
    "runs the lost tasks again.",
)
def worker_killed(pipeline: Pipeline) -> None:
    """kill -9 of each Spark worker in turn, in the middle of a batch.

    Two writers insert meanwhile. Each worker is started again, and two more batches must be in the lake.
    """
    with pipeline.writers(2):
        for name in ("spark_worker_1", "spark_worker_2"):
            pipeline.wait(pipeline.is_batch_under_way, "a batch that is planned and not finished")
            pipeline.kill_service(name)
            pipeline.start_services()
            pipeline.wait_for_batches(2)
