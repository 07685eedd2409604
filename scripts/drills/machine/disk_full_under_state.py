from scripts.drills.model import drill
from scripts.drills.pipeline import PRODUCER, Pipeline


@drill(
    naive="Opening the state file in place has emptied it before the write fails. The program ends, and after its "
    "restart publishes the whole table again: every row twice.",
    withstands="Only the new file beside the state fails to be written; the state stays, and the batch is published "
    "again until there is room. The consumer drops the repeats.",
)
def disk_full_under_state(pipeline: Pipeline) -> None:
    """No file of the producer can grow, so that its state cannot be written.

    By RLIMIT_FSIZE, as in disk_full_under_checkpoint. It lasts until the same rows are on the topic twice, or the
    producer has ended.
    """
    length = pipeline.topic_length()
    with pipeline.full_disk(PRODUCER):
        pipeline.insert(5)
        pipeline.wait(
            lambda: pipeline.topic_length() >= length + 10 or not pipeline.is_alive(PRODUCER),
            "the same rows published again, or the producer ended",
        )
    pipeline.insert(5)
