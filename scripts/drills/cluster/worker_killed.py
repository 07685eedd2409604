from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline


@drill(
    withstands="Its executors end with it. The master gives the program cores of the other worker, and Spark runs the "
    "lost tasks there.",
)
def worker_killed(pipeline: Pipeline) -> None:
    """kill -9 of a Spark worker in the middle of a batch.

    Two writers insert meanwhile. When two more batches are in the lake, the worker is started again.
    """
    with pipeline.writers(2):
        pipeline.wait(pipeline.is_batch_under_way, "a batch that is planned and not finished")
        pipeline.kill_service("spark_worker_1")
        pipeline.wait_for_batches(2)
    pipeline.start_services()
