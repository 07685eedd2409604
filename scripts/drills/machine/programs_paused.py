from scripts.drills.model import drill
from scripts.drills.pipeline import CONSUMER, PRODUCER, Pipeline


@drill(
    naive="The pause itself loses nothing. But rows that come during it, between publish and max(), are lost.",
    withstands="Neither program relies on a clock. The producer continues with the rows that it has read, the consumer "
    "with the batch that it has planned.",
)
def programs_paused(pipeline: Pipeline) -> None:
    """Each program is paused (SIGSTOP) in the middle of its work, while everything else continues.

    The producer is paused between publish and state, until the consumer has finished the topic and more rows are
    committed. The consumer is paused in the middle of a batch, until the producer has published three more batches.
    """
    pipeline.freeze_after_publish()
    pipeline.note("pause producer")
    pipeline.insert(4)
    pipeline.wait(pipeline.is_topic_read, "all of the topic read by the consumer")
    pipeline.thaw(PRODUCER)
    pipeline.settle()

    pipeline.insert(4)
    pipeline.catch(CONSUMER, pipeline.is_batch_under_way, "a batch is planned and not finished")
    pipeline.note("pause consumer")
    for _ in range(3):
        pipeline.insert(3)
        pipeline.wait(pipeline.is_all_published, "the state at the newest row")
    pipeline.thaw(CONSUMER)
