from scripts.drills.model import drill
from scripts.drills.pipeline import PRODUCER, Pipeline


@drill(
    naive="The publish fails after a minute or two and the producer ends. Someone has to start it again.",
    withstands="The publish fails within seconds, and the state stays where it is. The batch is tried again until "
    "Kafka is back. The consumer's streams are started again with their checkpoints.",
)
def kafka_away(pipeline: Pipeline) -> None:
    """Kafka is stopped until the producer has failed to publish.

    Rows are inserted meanwhile, some before the first failure and some after. Then Kafka is started again.
    """
    pipeline.stop_kafka()
    pipeline.insert(8)
    size = pipeline.log_size(PRODUCER)
    pipeline.wait(
        lambda: pipeline.log_size(PRODUCER) > size or not pipeline.is_alive(PRODUCER),
        "the producer reporting that a publish failed",
        timeout=200,  # by default Kafka's client gives up after 120 s
    )
    pipeline.insert(8)
    pipeline.start_kafka()
