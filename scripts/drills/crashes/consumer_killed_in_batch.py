from scripts.drills.model import drill
from scripts.drills.pipeline import CONSUMER, Pipeline


@drill(
    naive="Spark's checkpoint makes the kill harmless here too: the planned batch is run again. The producer "
    "loses some of the writers' rows, with or without the kill.",
    withstands="The planned batch is run again with the same offsets. The state store's changes of the unfinished "
    "batch were never committed.",
)
def consumer_killed_in_batch(pipeline: Pipeline) -> None:
    """kill -9 of the consumer in the middle of a batch: its id is in the checkpoint's offsets/ and not in commits/.

    Three times while two writers insert. Twice as soon as a batch is planned, and once when the lake's log has the
    batch and the checkpoint's commits/ do not.
    """

    def is_logged_and_not_committed() -> bool:
        return pipeline.is_batch_under_way() and pipeline.last_logged_batch() == pipeline.last_planned_batch()

    with pipeline.writers(2):
        for condition in (pipeline.is_batch_under_way, is_logged_and_not_committed, pipeline.is_batch_under_way):
            pipeline.catch(CONSUMER, condition, "a batch is planned and not finished")
            pipeline.kill(CONSUMER)
            pipeline.start(CONSUMER)
