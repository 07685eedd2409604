"""Where rows of a round are on their way: in Postgres, on the topic, in a batch, in the lake."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
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
            f"still in Postgres: the producer has not published them. Its state is {state or 'not there'}; a row with "
            f"a created_at before that is never read. Look at {logs}/producer.log"
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


def find_on_topic(kafka: Kafka, start: Mapping[str, int], end: Mapping[str, int]) -> dict[int, tuple[str, int]]:
    """order_id -> (partition, offset) of the messages from `start` to before `end`; the last one of an id counts.

    Stops early after READ_TIMEOUT seconds without a message.
    """
    places = [
        TopicPartition(kafka.topic, int(p), start.get(p, 0)) for p, offset in end.items() if offset > start.get(p, 0)
    ]
    found: dict[int, tuple[str, int]] = {}
    if not places:
        return found
    client = Consumer(
        {
            "bootstrap.servers": kafka.brokers,
            "group.id": "where-rows-are",
            "enable.auto.commit": False,
            "enable.partition.eof": False,
            "log_level": 0,
        }
    )
    left = sum(end[str(place.partition)] - place.offset for place in places)
    try:
        client.assign(places)
        while left > 0:
            message = client.poll(READ_TIMEOUT)
            if message is None:
                break
            partition, offset = str(message.partition()), message.offset()
            if message.error() or offset is None or offset >= end[partition]:
                continue
            left -= 1
            order_id = _order_id(message.value())
            if order_id is not None:
                found[order_id] = (partition, offset)
    finally:
        client.close()
    return found


def _order_id(value: bytes | None) -> int | None:
    try:
        event = json.loads(value or b"")
    except ValueError:
        return None
    order_id = event.get("order_id") if isinstance(event, dict) else None
    return order_id if isinstance(order_id, int) else None
