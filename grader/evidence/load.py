"""The record of the load: which orders were lost, and why."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from configs.contract import LoadedRow, LoadRecord, parse_state, parse_timestamp

Cause: TypeAlias = Literal["tie", "late commit", "between two reads", "not published yet", "published, not in the lake"]
MEANING: dict[Cause, str] = {
    "tie": "an order with the same created_at was published: a limit cut the tie",
    "late commit": "committed after an order with a later created_at, which moved the state past it",
    "between two reads": "committed at once, but the state passed it: a poll that reads twice skips what comes between",
    "not published yet": "created_at > state when the load ended",
    "published, not in the lake": "the consumer dropped it, or did not come to it",
}
# Seconds. Each transaction is open for some milliseconds. Only a longer one is late.
LATE_SEC = 0.05


@dataclass(frozen=True)
class LostOrder:
    """An order of the load that did not reach the lake."""

    row: LoadedRow
    cause: Cause


def lost_orders(record: LoadRecord) -> tuple[LostOrder, ...]:
    """The orders of the load that are not in the lake, by created_at."""
    unpublished, unwritten = frozenset(record.unpublished), frozenset(record.unwritten)
    published = sorted(_moment(row) for row in record.rows if row.order_id not in unpublished)
    state = _state(record)
    found = []
    for row in sorted(record.rows, key=lambda row: (row.created_at, row.order_id)):
        if row.order_id in unpublished:
            found.append(LostOrder(row, _cause(row, published, state)))
        elif row.order_id in unwritten:
            found.append(LostOrder(row, "published, not in the lake"))
    return tuple(found)


def _cause(row: LoadedRow, published: list[datetime], state: datetime | None) -> Cause:
    """Why an order was never published. `published`: the created_at of those that were, in order."""
    moment = _moment(row)
    after = bisect_right(published, moment)
    if after and published[after - 1] == moment:
        return "tie"
    if state is not None and moment > state:
        return "not published yet"
    overtaken = after < len(published) and (published[after] - moment).total_seconds() <= row.open_sec
    return "late commit" if overtaken and row.open_sec >= LATE_SEC else "between two reads"


def _moment(row: LoadedRow) -> datetime:
    return parse_timestamp(row.created_at)


def _state(record: LoadRecord) -> datetime | None:
    try:
        return parse_state(record.state).timestamp if record.state else None
    except ValueError:
        return None
