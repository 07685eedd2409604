"""Where rows of a round are on their way: in Postgres, on the topic, in a batch, in the lake."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, TopicPartition

from configs.settings import Kafka

READ_TIMEOUT = 10.0


@dataclass(frozen=True)
class Journey:
    """order_ids by how far they have come. Every id asked for is in exactly one of the five."""

    in_postgres: tuple[int, ...]
    published: tuple[int, ...]
    in_unfinished_batch: tuple[int, ...]
    rejected: tuple[int, ...]
    in_lake: tuple[int, ...]


def locate(
    order_ids: Iterable[int],
    *,
    on_topic: Mapping[int, tuple[str, int]],
    planned: Mapping[str, int],
    committed: Mapping[str, int],
    in_lake: frozenset[int],
) -> Journey:
    """Sort ids by the furthest place that shows them.

    `on_topic`: id -> (partition, offset). `planned` and `committed`: partition -> exclusive end offset of the
    consumer's last batch in offsets/ and of the last one in commits/. A message below `committed` whose row is not in
    the lake was turned away by the consumer.
    """
    places: dict[str, list[int]] = {"postgres": [], "published": [], "batch": [], "rejected": [], "lake": []}
    for order_id in order_ids:
        partition, offset = on_topic.get(order_id, ("", -1))
        if order_id in in_lake:
            place = "lake"
        elif offset < 0:
            place = "postgres"
        elif offset < committed.get(partition, 0):
            place = "rejected"
        elif offset < planned.get(partition, 0):
            place = "batch"
        else:
            place = "published"
        places[place].append(order_id)
    return Journey(*(tuple(ids) for ids in places.values()))


def explain(journey: Journey, *, state: str | None, logs: str) -> str:
    """What keeps the rows that are not in the lake, and what to look at."""
    reasons = {
        journey.in_postgres: (
            f"still in Postgres: the producer has not published them. Its state is {state or 'not there'}; a row whose "
            "created_at is not above that is never read. One in the future (times must be UTC) waits for its time, and "
            f"an open transaction holds later rows back: {logs}/producer.log names both"
        ),
        journey.published: f"on the topic, not yet read by the consumer. Look at {logs}/consumer.log",
        journey.in_unfinished_batch: (
            "in a batch that the consumer has begun and not finished (an id in the checkpoint's offsets/ without one "
            f"in commits/). Look at {logs}/consumer.log"
        ),
        journey.rejected: (
            "read by the consumer and not written: rejected, or dropped as a repeat. Look at the quarantine folder and "
            f"at {logs}/consumer.log"
        ),
    }
    lines = [f"order_id {', '.join(map(str, ids))}: {reason}" for ids, reason in reasons.items() if ids]
    return "\n".join(f"  {line}" for line in lines)


@dataclass(frozen=True)
class TopicMessage:
    """A message as it lies on the topic; `text` is its value as UTF-8, `timestamp` Kafka's, in milliseconds."""

    partition: str
    offset: int
    timestamp: int
    text: str


def find_on_topic(kafka: Kafka, start: Mapping[str, int], end: Mapping[str, int]) -> dict[int, tuple[str, int]]:
    """order_id -> (partition, offset) of the messages from `start` to before `end`; the last one of an id counts."""
    places = ((_order_id(message.text), message) for message in read_messages(kafka, start, end))
    return {order_id: (message.partition, message.offset) for order_id, message in places if order_id is not None}


def read_messages(kafka: Kafka, start: Mapping[str, int], end: Mapping[str, int]) -> Iterator[TopicMessage]:
    """The messages from `start` (partition -> offset; 0 where it is missing) to before `end`, each partition in order.

    Ends early after READ_TIMEOUT seconds without a message.
    """
    places = [
        TopicPartition(kafka.topic, int(p), start.get(p, 0)) for p, offset in end.items() if offset > start.get(p, 0)
    ]
    if not places:
        return
    client = Consumer(
        {"bootstrap.servers": kafka.brokers, "group.id": "a-reader", "enable.auto.commit": False, "log_level": 0}
    )
    unread = {str(place.partition) for place in places}
    try:
        client.assign(places)
        while unread:
            message = client.poll(READ_TIMEOUT)
            if message is None:
                return
            partition, offset = str(message.partition()), message.offset()
            if message.error() or offset is None or offset >= end[partition]:
                continue
            if offset == end[partition] - 1:
                unread.discard(partition)
            text = (message.value() or b"").decode("utf-8", errors="replace")
            yield TopicMessage(partition, offset, message.timestamp()[1], text)
    finally:
        client.close()


def _order_id(text: str) -> int | None:
    try:
        event = json.loads(text)
    except ValueError:
        return None
    order_id = event.get("order_id") if isinstance(event, dict) else None
    return order_id if isinstance(order_id, int) else None
