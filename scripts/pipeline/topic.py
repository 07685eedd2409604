"""The Kafka topic: created, read, watched and written to. Offsets are by partition number, ends exclusive."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import NewTopic
from tabulate import tabulate

from configs.errors import KitError
from configs.settings import Kafka
from scripts.services import kafka as kafka_service
from scripts.services.kafka import admin_client, require_broker
from scripts.services.processes import wait_until

REPLICATION_FACTOR = -1  # the brokers' default.replication.factor: 1 for one broker, 3 for three
READ_TIMEOUT = 10.0  # seconds to wait for the next message of a topic that has more
DELIVERY_TIMEOUT = 30.0
MAX_MESSAGE_BYTES = 4_000_000
Ends = dict[int, int]  # partition -> the offset that its next message will have


@dataclass(frozen=True)
class TopicMessage:
    """A message on the topic. `value` is None if it has none; `timestamp` is Kafka's, in milliseconds."""

    partition: int
    offset: int
    timestamp: int
    value: bytes | None

    @property
    def text(self) -> str:
        """The value as UTF-8; bytes that are not UTF-8 become a replacement character."""
        return (self.value or b"").decode("utf-8", errors="replace")

    @property
    def order_id(self) -> int | None:
        """The order_id of the message; None if it has none, or one that is not a whole number."""
        try:
            event = json.loads(self.value or b"")
        except ValueError:
            return None
        order_id = event.get("order_id") if isinstance(event, dict) else None
        return order_id if isinstance(order_id, int) and not isinstance(order_id, bool) else None


def make_topic(kafka: Kafka) -> str:
    """Create the topic if it is missing; return the topics of the broker and the partitions of this one.

    Raises:
        KitError: Kafka does not answer, or refuses.
    """
    require_broker(kafka)
    admin = admin_client(kafka)
    new = NewTopic(kafka.topic, num_partitions=kafka.partitions, replication_factor=REPLICATION_FACTOR)
    created = True
    try:
        admin.create_topics([new])[kafka.topic].result(timeout=15)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise KitError(f"Kafka did not create the topic {kafka.topic}: {error.args[0].str()}") from None
        created = False
    if not wait_until(lambda: _is_ready(kafka), timeout=15):
        raise KitError(f"Kafka created the topic {kafka.topic}, but no partition answers. See `make logs`.")
    topics = admin.list_topics(timeout=kafka_service.ANSWER_TIMEOUT).topics
    names = sorted(name for name in topics if not name.startswith("__"))
    ends = end_offsets(kafka)
    rows = [
        [number, len(partition.replicas), ends.get(number, 0)]
        for number, partition in sorted(topics[kafka.topic].partitions.items())
    ]
    return "\n".join(
        [
            f"Topic {kafka.topic} {'is ready' if created else 'already exists'}. The broker has: {', '.join(names)}",
            tabulate(rows, headers=["partition", "replicas", "end offset"]),
        ]
    )


def _is_ready(kafka: Kafka) -> bool:
    """Whether the topic is listed and each partition has its leader. The leader comes a moment after the listing."""
    try:
        return len(end_offsets(kafka)) > 0
    except KafkaException:
        return False


def end_offsets(kafka: Kafka) -> Ends:
    """The end offset of each partition; empty while there is no such topic.

    Raises:
        KafkaException: no broker answers, or a partition has no leader. Just after its start Kafka may have none.
    """
    with contextlib.closing(TopicWatch(kafka, patience=kafka_service.ANSWER_TIMEOUT)) as watch:
        return watch.ends()


def _client(kafka: Kafka) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": kafka.brokers,
            "group.id": "food-orders-kit",  # no group is joined: partitions are assigned, nothing is committed
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",  # where retention has removed the first messages
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )


class TopicWatch:
    """Watches the topic through one connection. It sees a new message within a millisecond or two.

    `patience`: for how many seconds a broker that does not answer is asked again, for example just after its start.
    """

    def __init__(self, kafka: Kafka, patience: float = READ_TIMEOUT) -> None:
        self._kafka = kafka
        self._patience = patience
        self._client = _client(kafka)

    def ends(self) -> Ends:
        """As `end_offsets`."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return {number: self._end(number) for number in self._partitions()}
            except KafkaException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _partitions(self) -> list[int]:
        topic = self._client.list_topics(self._kafka.topic, timeout=kafka_service.ANSWER_TIMEOUT).topics.get(
            self._kafka.topic
        )
        return [] if topic is None or topic.error is not None else sorted(topic.partitions)

    def _end(self, partition: int) -> int:
        place = TopicPartition(self._kafka.topic, partition)
        return int(self._client.get_watermark_offsets(place, timeout=10)[1])

    def length(self) -> int:
        """Messages of all partitions."""
        return sum(self.ends().values())

    def from_here(self) -> None:
        """Skip what is on the topic so far."""
        ends = self.ends()
        self._client.assign([TopicPartition(self._kafka.topic, partition, end) for partition, end in ends.items()])
        self._client.poll(0.05)  # the first request takes longer than those that follow

    def has_message(self, timeout: float) -> bool:
        """Whether a message comes within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            message = self._client.poll(left)
            if message is not None and message.error() is None:
                return True
        return False

    def close(self) -> None:
        self._client.close()


def read_messages(kafka: Kafka, start: Mapping[int, int], end: Mapping[int, int]) -> Iterator[TopicMessage]:
    """The messages from `start` (0 for a missing partition) to before `end`, each partition in order.

    Raises:
        TimeoutError: Kafka sent nothing for READ_TIMEOUT seconds, and not all partitions are at their end.
    """
    unread = {partition for partition, offset in end.items() if offset > start.get(partition, 0)}
    if not unread:
        return
    with contextlib.closing(_client(kafka)) as client:
        client.assign([TopicPartition(kafka.topic, partition, start.get(partition, 0)) for partition in unread])
        while unread:
            message = client.poll(READ_TIMEOUT)
            if message is None:
                raise TimeoutError(
                    f"Kafka at {kafka.brokers} sent no message of {kafka.topic} for {READ_TIMEOUT:.0f} s"
                )
            partition, offset, error = message.partition(), message.offset(), message.error()
            if partition is None or offset is None or partition not in unread:
                continue
            if error is None and offset < end[partition]:
                yield TopicMessage(partition, offset, message.timestamp()[1], message.value())
            # A Kafka transaction leaves an offset without a message at the end of a partition.
            is_at_end = error is not None and error.code() == KafkaError._PARTITION_EOF
            if is_at_end or (error is None and offset >= end[partition] - 1):
                unread.discard(partition)


def find_on_topic(kafka: Kafka, start: Mapping[int, int], end: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """order_id -> (partition, offset) of the messages from `start` to before `end`; the last one of an id counts.

    If Kafka stops sending: those found so far.
    """
    found: dict[int, tuple[int, int]] = {}
    with contextlib.suppress(TimeoutError):
        for message in read_messages(kafka, start, end):
            if message.order_id is not None:
                found[message.order_id] = (message.partition, message.offset)
    return found


def publish(kafka: Kafka, values: Iterable[bytes | None], keys: Iterable[bytes] | None = None) -> None:
    """Send messages directly to the topic, without the producer. Returns when the broker has acknowledged all of them.

    Raises:
        KitError: Kafka did not take one.
    """
    failures: list[str] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error.str())

    client = Producer(
        {
            "bootstrap.servers": kafka.brokers,
            "acks": "all",
            "linger.ms": 50,
            # The broker's limit is for the compressed batch, the client's is not. With lz4 the messages of round 3
            # ended students' consumers: kafka-python reads that only with another package, and gzip always.
            "compression.type": "gzip",
            "message.max.bytes": MAX_MESSAGE_BYTES,
            "log_level": 0,
        }
    )
    for key, value in zip(itertools.repeat(None) if keys is None else keys, values, strict=False):
        while True:
            try:
                client.produce(kafka.topic, value, key, on_delivery=delivered)
                break
            except BufferError:
                client.poll(0.1)
        client.poll(0)
    if client.flush(DELIVERY_TIMEOUT) or failures:
        raise KitError(f"Kafka at {kafka.brokers} did not take a message: {(failures or ['no answer'])[0]}")
