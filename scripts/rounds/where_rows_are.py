"""Where the rows of a round are: in Postgres, on the topic, in a batch or in the lake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from configs.contract import format_timestamp


@dataclass(frozen=True)
class Journey:
    """order_ids by their place. Every id is in exactly one of the five."""

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
    """Sort ids by the last place that has them.

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


def explain_shift(shift: timedelta, row: str) -> str:
    """By how much a state is off `row`, and what to do: the time zones differ."""
    hours, minutes = divmod(abs(shift).total_seconds() // 60, 60)
    return (
        f"{hours:.0f} h {minutes:.0f} min {'ahead of' if shift > timedelta(0) else 'behind'} {row}. That is a "
        "difference between time zones: read and write created_at as UTC, in Spark and in Python"
    )


def explain_state(state: str | None, reached: datetime | None, newest: datetime, shift: timedelta | None) -> str:
    """Why a state that has not reached the newest row is wrong. `reached`: its timestamp; None if it has none."""
    seen = f"The state is {state or 'empty or missing'}"
    if shift is not None:
        return f"{seen}, {explain_shift(shift, 'the newest row')}."
    if reached is None:
        return f"{seen}: that is no timestamp. Write the created_at of the newest published row into it."
    return f"{seen}. The newest row has the created_at {format_timestamp(newest)}. Move the state after each publish."


def explain(journey: Journey, *, state: str | None, logs: str, shift: timedelta | None = None) -> str:
    """Why rows are not in the lake yet, and where to look.

    `shift`: how far the state is off the newest row, if that is a difference between time zones.
    """
    reasons = {
        journey.in_postgres: (
            f"still in Postgres: the producer has not published them. Its state is {state or 'empty or missing'}. A "
            "row whose created_at is not above the state is never read. A row in the future (times must be UTC) waits "
            f"for its time. Rows also wait for an open transaction that began earlier. {logs}/producer.log names both"
        ),
        journey.published: f"on the topic, but the consumer has not read them yet. Read {logs}/consumer.log",
        journey.in_unfinished_batch: (
            "in a batch that the consumer has begun and not finished (its id is in the checkpoint's offsets/ and not "
            f"in commits/). Read {logs}/consumer.log"
        ),
        journey.rejected: (
            "read by the consumer but not written: rejected, or dropped as a repeat. Read the quarantine folder and "
            f"{logs}/consumer.log"
        ),
    }
    if shift is not None and journey.in_postgres:
        reasons[journey.in_postgres] = (
            f"still in Postgres: the producer's state is {explain_shift(shift, 'the newest row before the round')}"
        )
    lines = [f"order_id {', '.join(map(str, ids))}: {reason}" for ids, reason in reasons.items() if ids]
    return "\n".join(f"  {line}" for line in lines)
