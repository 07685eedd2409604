"""`make topic`: the Kafka topic, created where it is missing, listed and described."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import NewTopic, OffsetSpec
from tabulate import tabulate

from configs.errors import KitError
from configs.settings import Kafka
from scripts.services import kafka as kafka_service
from scripts.services.kafka import admin_client, require_broker
from scripts.services.processes import wait_until

REPLICATION_FACTOR = 1  # of the hand-out: one broker


def make_topic(kafka: Kafka) -> str:
    """Create the topic where it is missing; return the topics of the broker and the partitions of this one.

    Raises:
        KitError: Kafka does not answer, or refuses.
    """
    require_broker(kafka)
    admin = admin_client(kafka)
    new = NewTopic(kafka.topic, num_partitions=kafka.partitions, replication_factor=REPLICATION_FACTOR)
    made = True
    try:
        admin.create_topics([new])[kafka.topic].result(timeout=15)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise KitError(f"Kafka did not create the topic {kafka.topic}: {error.args[0].str()}") from None
        made = False
    if not wait_until(lambda: _is_ready(kafka), timeout=15):
        raise KitError(f"Kafka created the topic {kafka.topic} but does not serve it. See `make logs`.")
    names = sorted(
        name for name in admin.list_topics(timeout=kafka_service.ANSWER_TIMEOUT).topics if not name.startswith("__")
    )
    ends = end_offsets(kafka)
    rows = [
        [partition, len(replicas), ends.get(str(partition), 0)] for partition, replicas in partitions(kafka).items()
    ]
    return "\n".join(
        [
            f"Topic {kafka.topic} {'is ready' if made else 'is there already'}. This broker has: {', '.join(names)}",
            tabulate(rows, headers=["partition", "replicas", "end offset"]),
        ]
    )


def _is_ready(kafka: Kafka) -> bool:
    """Whether the topic is listed and each partition has its leader, which comes a moment after the listing."""
    try:
        return len(end_offsets(kafka)) > 0
    except KafkaException:
        return False


def partitions(kafka: Kafka) -> dict[int, list[int]]:
    """Partition -> the brokers with a replica of it; empty while there is no such topic."""
    topic = admin_client(kafka).list_topics(timeout=kafka_service.ANSWER_TIMEOUT).topics.get(kafka.topic)
    if topic is None or topic.error is not None:
        return {}
    return {number: list(partition.replicas) for number, partition in sorted(topic.partitions.items())}


def end_offsets(kafka: Kafka) -> dict[str, int]:
    """Partition (as text, as in Spark's checkpoint) -> the offset that its next message will have."""
    wanted = {TopicPartition(kafka.topic, number): OffsetSpec.latest() for number in partitions(kafka)}
    if not wanted:
        return {}
    admin = admin_client(kafka)  # kept in a variable: a client that is gone never fulfils its futures
    found = admin.list_offsets(wanted, request_timeout=10)
    return {str(place.partition): future.result(timeout=15).offset for place, future in found.items()}
