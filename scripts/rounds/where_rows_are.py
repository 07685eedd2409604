"""Where rows of a round are on their way: in Postgres, on the topic, in a batch, in the lake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


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
    on_topic: Mapping[int, tuple[int, int]],
    planned: Mapping[int, int],
    committed: Mapping[int, int],
    in_lake: frozenset[int],
) -> Journey:
    """Sort ids by the furthest place that shows them.

    `on_topic`: id -> (partition, offset). `planned` and `committed`: partition -> exclusive end offset of the
    consumer's last batch in offsets/ and of the last one in commits/. A message below `committed` whose row is not in
    the lake was rejected by the consumer.
    """
    places: dict[str, list[int]] = {"postgres": [], "published": [], "batch": [], "rejected": [], "lake": []}
    for order_id in order_ids:
        partition, offset = on_topic.get(order_id, (-1, -1))
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
