from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline


@drill(
    naive="A publish that is cut off ends the program. After its restart the part that had arrived is published again, "
    "and is in the lake twice.",
    withstands="A publish counts when every message is acknowledged. Otherwise the batch is read and published again, "
    "and the consumer drops what had arrived before.",
)
def kafka_restarted(pipeline: Pipeline) -> None:
    """Kafka is stopped and started, then killed and started, while two writers insert.

    Before each, more messages must have reached the topic. An orderly stop lets the broker finish; kill -9 does not.
    """
    with pipeline.writers(2):
        for crash in (False, True):
            length = pipeline.topic_length()
            pipeline.wait(lambda length=length: pipeline.topic_length() > length, "more messages on the topic")  # type: ignore[misc]
            pipeline.stop_kafka(crash=crash)
            pipeline.start_kafka()
