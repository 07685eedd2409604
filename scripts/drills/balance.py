"""Reconciles a drill: what was in Postgres, on the topic, in the lake and in the quarantine must add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

Values = tuple[object, ...]  # of a row, in the contract's order, with amount and created_at normalized
Place = tuple[int, int]  # of a message: partition, offset


@dataclass(frozen=True)
class Message:
    """A message of the topic; `order_id` is None if the text has none that is a whole number."""

    place: Place
    order_id: int | None


@dataclass(frozen=True)
class Balance:
    """The figures of one drill. It `is_clean` when only `rows`, `messages`, `in_lake`, `in_quarantine` and
    `repeats_removed` are above 0.

    rows                good rows inserted into Postgres
    messages            on the topic: `in_lake` of them became rows, `in_quarantine` were kept with a reason,
                        `repeats_removed` had an order_id that came before
    lost                good rows that are not in the lake
    repeated            rows of the lake whose order_id is already in it
    altered             rows of the lake with other values than in Postgres, or in another date folder
    unexpected          rows of the lake that are not a good row of Postgres
    unaccounted         messages that are not in lake, quarantine or repeats; rows that no message explains
    state_ahead         rows of Postgres that the state has passed but that were never published
    """

    rows: int
    messages: int
    in_lake: int
    in_quarantine: int
    repeats_removed: int
    lost: int
    repeated: int
    altered: int
    unexpected: int
    unaccounted: int
    state_ahead: int
    lost_ids: tuple[int, ...] = field(default=())
    repeated_ids: tuple[int, ...] = field(default=())
    unexpected_ids: tuple[int | None, ...] = field(default=())

    @property
    def is_clean(self) -> bool:
        return not (
            self.lost or self.repeated or self.altered or self.unexpected or self.unaccounted or self.state_ahead
        )


SHOWN = 10


def balance(
    *,
    good: Mapping[int, Values],
    passed_by_state: Collection[int],
    messages: Sequence[Message],
    published_before: Set[int],
    lake: Sequence[tuple[int | None, Values]],
    in_lake_before: Set[int],
    quarantine: Sequence[Place],
) -> Balance:
    """Reconcile what was added since the drill began.

    `good`: order_id -> values of the rows that must reach the lake. `passed_by_state`: ids of all the drill's rows in
    Postgres with created_at up to the state. `published_before` and `in_lake_before`: ids from before the drill.
    `lake` and `quarantine`: what was added, with repeats.
    """
    times = Counter(order_id for order_id, _ in lake)
    extra = {order_id: count - (order_id not in in_lake_before) for order_id, count in times.items()}
    repeated = {order_id: count for order_id, count in extra.items() if count and order_id is not None}
    lost = [order_id for order_id in good if order_id not in times and order_id not in in_lake_before]
    kept = set(quarantine)
    accepted = [message for message in messages if message.place not in kept]
    removed = _repeats(accepted, in_lake_before)
    unexpected = [order_id for order_id, _ in lake if order_id not in good and order_id not in in_lake_before]
    published = {message.order_id for message in messages}
    return Balance(
        rows=len(good),
        messages=len(messages),
        in_lake=len(lake),
        in_quarantine=len(quarantine),
        repeats_removed=max(0, removed - sum(repeated.values())),
        lost=len(lost),
        repeated=sum(repeated.values()),
        altered=sum(order_id in good and values != good[order_id] for order_id, values in lake if order_id is not None),
        unexpected=len(unexpected),
        unaccounted=_unaccounted(accepted, messages, times, in_lake_before, quarantine),
        state_ahead=sum(order_id not in published and order_id not in published_before for order_id in passed_by_state),
        lost_ids=tuple(sorted(lost)[:SHOWN]),
        repeated_ids=tuple(sorted(repeated)[:SHOWN]),
        unexpected_ids=tuple(unexpected[:SHOWN]),
    )


def _repeats(accepted: Iterable[Message], before: Set[int]) -> int:
    seen: set[int | None] = set(before)
    removed = 0
    for message in accepted:
        removed += message.order_id in seen
        seen.add(message.order_id)
    return removed


def _unaccounted(
    accepted: Sequence[Message],
    messages: Sequence[Message],
    in_lake: Mapping[int | None, int],
    before: Set[int],
    quarantine: Sequence[Place],
) -> int:
    vanished = sum(message.order_id not in in_lake and message.order_id not in before for message in accepted)
    sent = {message.order_id for message in accepted}
    unexplained = sum(count for order_id, count in in_lake.items() if order_id not in sent)
    places = {message.place for message in messages}
    quarantined_twice_or_never_sent = len(quarantine) - len(places & set(quarantine))
    return vanished + unexplained + quarantined_twice_or_never_sent
