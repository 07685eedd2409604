from scripts.drills.model import drill
from scripts.drills.pipeline import CONSUMER, Pipeline


@drill(
    withstands="The batch fails and is tried again with the same offsets. The lake's log names only files whose upload "
    "was confirmed.",
)
def store_killed_in_batch(pipeline: Pipeline) -> None:
    """kill -9 of S3 in the middle of a batch.

    Twice, while two writers insert. It is started again when the consumer has reported the failure.
    """
    with pipeline.writers(2):
        for _ in range(2):
            pipeline.wait(pipeline.is_batch_under_way, "a batch that is planned and not finished")
            pipeline.kill_service("s3")
            pipeline.wait_for_log(CONSUMER, "reporting that a batch failed")
            pipeline.start_services()
            pipeline.wait_for_batches(1)
