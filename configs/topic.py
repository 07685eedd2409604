"""The topic, as both programs meet it when they start: is it there, and do its brokers answer where they say?"""

from __future__ import annotations

import socket

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from configs.program import ProgramError
from configs.settings import Kafka

ANSWER_TIMEOUT = 5.0  # seconds


def require_topic(kafka: Kafka) -> str:
    """Make sure that the topic is there and its brokers answer. Returns its id, see `topic_id`.

    Raises:
        ProgramError: the broker answers and has no such topic. Spark would take a minute, and report less.
        ConnectionError: a broker of the topic does not answer at the address that it gives its clients. Kafka's client
            would wait for it, silently and for ever.
        KafkaException: no broker answers.
    """
    admin = AdminClient({"bootstrap.servers": kafka.brokers, "log_level": 0})
    metadata = admin.list_topics(timeout=ANSWER_TIMEOUT)
    topic = metadata.topics.get(kafka.topic)
    for leader in sorted({partition.leader for partition in topic.partitions.values()} if topic else ()):
        broker = metadata.brokers.get(leader)
        if broker is not None:  # a partition without a leader has none
            _require_answer(kafka, str(broker.host), int(broker.port))
    # Only now, because the question goes to the address that was just tried.
    found = topic_id(admin, kafka.topic) if topic else None
    if found is None:
        raise ProgramError(f"Kafka at {kafka.brokers} has no topic {kafka.topic}. Run `make topic`.")
    return found


def topic_id(admin: AdminClient, topic: str) -> str | None:
    """The id that Kafka gave the topic when it was created: a topic that is deleted and created again has another.

    None if there is no such topic.

    Raises:
        KafkaException: no broker answers.
    """
    asked = admin.describe_topics(TopicCollection([topic]), request_timeout=10)
    try:
        return str(asked[topic].result().topic_id)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise


def _require_answer(kafka: Kafka, host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), ANSWER_TIMEOUT).close()
    except OSError as error:
        raise ConnectionError(
            f"Kafka answers at {kafka.brokers} and sends its clients to {host}:{port} (advertised.listeners), where "
            f"nothing answers: {error}. Correct advertised.listeners, or make {host} known on this machine"
        ) from None
