from scripts.drills.model import drill
from scripts.drills.pipeline import CONSUMER, Pipeline


@drill(
    naive="Spark's checkpoint makes the kill harmless here too: the batch that was planned is run again. What is lost "
    "is lost by the producer, among the writers.",
    withstands="The batch that was planned is run again with the same offsets; the state store's changes of the "
    "unfinished batch were never committed.",
)
def consumer_killed_in_batch(pipeline: Pipeline) -> None:
    """kill -9 of the consumer in mid-batch: an id in the checkpoint's offsets/ and none in commits/.

    Three times while two writers insert: as soon as a batch is planned, and once after the lake's log has the batch and
    the checkpoint has not.
    """

    def is_logged_and_not_committed() -> bool:
        return pipeline.is_batch_under_way() and pipeline.last_logged_batch() == pipeline.last_planned_batch()

    with pipeline.writers(2):
        for condition in (pipeline.is_batch_under_way, is_logged_and_not_committed, pipeline.is_batch_under_way):
            pipeline.catch(CONSUMER, condition, "a batch is planned and not finished")
            pipeline.kill(CONSUMER)
            pipeline.start(CONSUMER)
