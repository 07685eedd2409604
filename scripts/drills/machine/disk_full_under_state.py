from scripts.drills.model import drill
from scripts.drills.pipeline import PRODUCER, Pipeline


@drill(
    naive="It opens the state file in place, which empties it before the write fails. The program ends, and after its "
    "restart publishes the whole table again: every row twice.",
    withstands="Only the write of the new file next to the state fails. The state stays, and the batch is published "
    "again until there is space. The consumer drops the repeats.",
)
def disk_full_under_state(pipeline: Pipeline) -> None:
    """No file of the producer can grow, so it cannot write its state.

    The cause is RLIMIT_FSIZE, as in disk_full_under_checkpoint. It lasts until the same rows are on the topic twice, or
    the producer has ended.
    """
    length = pipeline.topic_length()
    with pipeline.full_disk(PRODUCER):
        pipeline.insert(5)
        pipeline.wait(
            lambda: pipeline.topic_length() >= length + 10 or not pipeline.is_alive(PRODUCER),
            "the same rows published again, or the producer ended",
        )
    pipeline.insert(5)
