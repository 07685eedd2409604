"""The look-back: finds rows that appear below the state, where no row should appear.

The horizon trusts what Postgres shows. A session that hides its transactions, a clock that is set back or a created_at
that a client chooses can still make a row below the state, which no later poll would select. So each poll also asks for
the order_ids just below the state. Those that it did not see before are published with the batch.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import psycopg2.extensions

from configs.contract import EPOCH, format_timestamp, parse_timestamp
from configs.wording import counted
from producers.sql import literal

MAX_LOOK = 50_000  # order_ids below the state that a poll compares, the newest; and as many of the new batch
MAX_PUBLISHED = 5_000  # late rows of one poll
OLDER_INTERVAL = 30.0  # seconds between two counts of the rows below the window


@dataclass(frozen=True)
class Look:
    """What one poll has found.

    - `late`: the order_ids to publish now. `again`: those of them that are not new, only forgotten in a crash
    - `known`: the order_ids that are published once this poll has succeeded; above `floor` (UTC) none is missing
    - `reached`: the state then
    - `has_more`: there are more late rows than one poll may publish
    """

    late: tuple[int, ...] = ()
    again: tuple[int, ...] = ()
    known: frozenset[int] = frozenset()
    floor: datetime = EPOCH
    reached: datetime = EPOCH
    has_more: bool = False


@dataclass
class _Older:
    """What the next count of older rows begins at: rows above `largest_id` were not there when the state was `state`.

    `published`: the late rows that were published since.
    """

    state: datetime
    largest_id: int
    counted_at: float
    published: set[int] = field(default_factory=set)


class LookBack:
    """Compares the rows of the last `seconds` below the state with those of the poll before; 0 turns it off.

    `start`: where a first run begins; rows up to it are never read. `kept`: the file for a clean stop.
    """

    def __init__(self, seconds: float, start: datetime, kept: Path, log: logging.Logger) -> None:
        self._seconds = timedelta(seconds=seconds)
        self._start = start
        self._kept = kept
        self._log = log
        self._state = EPOCH
        self._known: frozenset[int] | None = None
        self._floor: datetime | None = None
        self._forgotten: frozenset[int] = frozenset()
        self._older: _Older | None = None

    @property
    def is_on(self) -> bool:
        return bool(self._seconds)

    def turn_off(self) -> None:
        self._seconds = timedelta(0)

    def restore(self, state: datetime) -> None:
        """Take over what a clean stop has kept for this state. The file is removed: after a crash it would be wrong."""
        try:
            values = json.loads(self._kept.read_text(encoding="utf-8"))
            if parse_timestamp(values["state"]) == state:
                self._state, self._floor = state, parse_timestamp(values["floor"])
                self._known = frozenset(int(order_id) for order_id in values["order_ids"])
        except (OSError, ValueError, KeyError, TypeError):
            self._known = None
        with contextlib.suppress(OSError):
            self._kept.unlink(missing_ok=True)

    def keep(self) -> None:
        """Write what a next start needs to repeat nothing; if that fails, it repeats the window."""
        if self._known is None or self._floor is None:
            return
        values = {
            "state": format_timestamp(self._state),
            "floor": format_timestamp(self._floor),
            "order_ids": sorted(self._known),
        }
        with contextlib.suppress(OSError):
            self._kept.write_text(json.dumps(values), encoding="utf-8")

    def look(
        self,
        connection: psycopg2.extensions.connection,
        table: str,
        state: datetime,
        reached: datetime,
        clock: datetime,
    ) -> Look:
        """Look below `state`, and remember the order_ids up to `reached`, the state after this poll.

        Call it before the batch is read: a row that appears in between is then not known, and published again.
        """
        if not self.is_on:
            return Look()
        low = self._low(state, clock)
        edge = max(state, self._low(reached, clock))  # a long batch is far longer than what the next poll looks at
        nothing = "SELECT '{}'::int[] AS ids, NULL AS oldest"
        query = f"""
            SELECT below.ids, below.oldest, batch.ids, batch.oldest
            FROM ({_ids(table, low, state)}) AS below,
                 ({_ids(table, edge, reached) if reached > state else nothing}) AS batch
        """
        with connection.cursor() as cursor:
            cursor.execute(query)
            below, oldest_below, batch, oldest_in_batch = cursor.fetchone() or ([], None, [], None)
        if len(batch) >= MAX_LOOK:
            floor = parse_timestamp(oldest_in_batch)
        elif edge > state:
            floor = edge
        elif len(below) >= MAX_LOOK:
            floor = parse_timestamp(oldest_below)
        else:
            floor = low
        seen = frozenset(below)
        if self._known is None:
            self._forgotten = seen
        unknown = sorted(seen - (self._known or frozenset()))
        late = tuple(unknown[:MAX_PUBLISHED])
        known = (seen | frozenset(batch)) - frozenset(unknown[MAX_PUBLISHED:])
        again = tuple(order_id for order_id in late if order_id in self._forgotten)
        return Look(late, again, known, floor, reached, len(unknown) > MAX_PUBLISHED)

    def _low(self, state: datetime, clock: datetime) -> datetime:
        low = max(max(EPOCH + self._seconds, min(state, clock)) - self._seconds, self._start)
        # Below the floor nothing is known. If the clock was set back, rows appear there all the same.
        return low if self._floor is None or clock < state else max(low, self._floor)

    def confirm(self, look: Look) -> None:
        """The poll has succeeded: its rows are published, and the state is written."""
        if not self.is_on:
            return
        self._known, self._floor, self._state = look.known, look.floor, look.reached
        again = frozenset(look.again)
        self._forgotten -= again
        if self._older is not None:
            self._older.published.update(look.late)
        new = [order_id for order_id in look.late if order_id not in again]
        if new:
            self._log.warning(
                "%s appeared below the state, where no row should appear (order_id %s%s); published now. The consumer "
                "drops what it has. A session without track_activities, a clock that was set back or a created_at that "
                "a client chooses does this",
                counted(len(new), "row"),
                new[0],
                ", ..." if len(new) > 1 else "",
            )
        if look.again:
            self._log.info(
                "%s just below the state published again, because the last stop was not a clean one. The consumer "
                "drops what it has",
                counted(len(look.again), "row"),
            )

    def report_older(self, connection: psycopg2.extensions.connection, table: str, state: datetime) -> None:
        """Every OLDER_INTERVAL: count the rows that appeared below the window. Nothing publishes those."""
        older, now = self._older, time.monotonic()
        if not self.is_on or self._floor is None or (older and now - older.counted_at < OLDER_INTERVAL):
            return
        limit = min(older.state, self._floor) if older else EPOCH
        query = f"""
            SELECT count(*) FILTER (WHERE is_late), min(order_id) FILTER (WHERE is_late),
                   min(created_at) FILTER (WHERE is_late) - interval '1 microsecond', max(order_id)
            FROM (
                SELECT order_id, created_at, created_at <= {literal(limit)} AND created_at > {literal(self._start)}
                       AND order_id <> ALL(%s::bigint[]) AS is_late
                FROM {table} WHERE order_id > %s
            ) AS recent
        """
        if older is None:
            query = f"SELECT 0, NULL, NULL, max(order_id) FROM {table}"
        with connection.cursor() as cursor:
            cursor.execute(query, [list(older.published), older.largest_id] if older else None)
            rows, order_id, before, largest = cursor.fetchone() or (0, None, None, None)
        self._older = _Older(state, largest or (older.largest_id if older else 0), now)
        if rows:
            self._log.warning(
                "%s appeared more than cdc.lookback_sec (%g s) below the state (order_id %s%s) and %s NOT published. "
                "To publish: stop the producer, write an earlier time into the state file, such as %s, and start it "
                "again. Everything after that time is repeated, and the consumer drops the repeats",
                counted(rows, "row"),
                self._seconds.total_seconds(),
                order_id,
                ", ..." if rows > 1 else "",
                "is" if rows == 1 else "are",
                format_timestamp(parse_timestamp(str(before))),
            )


def _ids(table: str, low: datetime, high: datetime) -> str:
    """A query for the order_ids with `low` < created_at <= `high`: the newest MAX_LOOK, and the oldest's created_at."""
    return f"""
        SELECT coalesce(array_agg(order_id), '{{}}') AS ids, min(created_at)::text AS oldest FROM (
            SELECT order_id, created_at FROM {table}
            WHERE created_at > {literal(low)} AND created_at <= {literal(high)} AND order_id IS NOT NULL
            ORDER BY created_at DESC LIMIT {MAX_LOOK}
        ) AS newest
    """
