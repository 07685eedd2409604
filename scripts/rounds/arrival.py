"""How a round knows that everything has arrived: by the state file, or without a usable one by topic, checkpoint, lake.

And how it knows that rows will never arrive, because the state is past them.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import datetime, timedelta

import psycopg2.extensions
from confluent_kafka import KafkaException

from configs.contract import OrderRow, parse_timestamp
from configs.settings import Settings
from scripts.pipeline import position
from scripts.pipeline.topic import Ends, end_offsets, find_on_topic

# In submissions the state file may have more digits than the published rows, or may be cut to seconds.
STATE_TOLERANCE = timedelta(seconds=1)
# Seconds without a state file, after all rows are in the lake, until a program counts as one that keeps none.
STATELESS_PATIENCE = 5.0
# Seconds for which nothing has changed, until a state that is behind the rows in the lake counts as one that does not
# move, and rows below the state as never read. A program that is only slow gets as many polls.
STATE_PATIENCE = 20.0
_POLLS = 4
_SMALLEST_ZONE = timedelta(minutes=15)  # zones differ by whole quarters of an hour


class Arrival:
    """Tells whether everything has arrived. It remembers whether the producer keeps a state file.

    `keeps_state` is None until that is known. `is_state_behind`: all but the state has arrived, and it does not move.
    """

    def __init__(self, settings: Settings, connection: psycopg2.extensions.connection, table: str) -> None:
        self._settings = settings
        self._connection = connection
        self._table = table
        self._ends: Ends | None = None
        self._since = 0.0
        self._state: str | None = None
        self._state_since = time.monotonic()
        self.keeps_state: bool | None = None
        self.is_state_behind = False

    def is_settled(self, *, with_quarantine: bool) -> bool:
        """Whether all rows are published, and all that is published is read. Not while Kafka is down."""
        ends = topic_ends(self._settings)
        if ends is None:
            return False
        newest = position.newest_created_at(self._connection, self._table)
        state = position.state_text(self._settings)
        if state is not None:
            self.keeps_state = True
        if self.keeps_state or newest is None:
            if position.is_published(self._settings, newest, STATE_TOLERANCE):
                self.is_state_behind = False
                return position.is_read(self._settings, ends, with_quarantine=with_quarantine)
            return self._has_arrived_but_for(state, ends)
        return self._has_arrived_without_state(ends, STATELESS_PATIENCE if self.keeps_state is None else 0.0)

    def _has_arrived_but_for(self, state: str | None, ends: Ends) -> bool:
        """Whether all but the state has arrived, and the state does not move. It may be absent while it is replaced."""
        if state not in (None, self._state):
            self._state, self._state_since, self._ends = state, time.monotonic(), None
        # Not before that: while the state moves, it is not worth reading the lake.
        if time.monotonic() - self._state_since < STATELESS_PATIENCE:
            return False
        self.is_state_behind = self._has_arrived_without_state(ends, state_patience(self._settings))
        return self.is_state_behind

    def _has_arrived_without_state(self, ends: Ends, patience: float) -> bool:
        """Whether the newest row is in the lake, and all is read that was on the topic when it came there `patience`
        seconds ago or earlier.

        A producer without a state may publish the whole table at every poll. Then the topic never stops growing, so its
        end is taken once.
        """
        order_id = newest_clean_order(self._connection, self._table)
        if order_id is not None and order_id not in position.lake_ids(self._settings):
            self._ends = None
            return False
        if self._ends is None:
            self._ends, self._since = ends, time.monotonic()
        if time.monotonic() - self._since < patience:
            return False
        committed = position.committed_ends(self._settings)
        if committed and any(committed.get(partition, 0) < end for partition, end in self._ends.items()):
            return False
        self.keeps_state = self.keeps_state or False
        self._ends = None
        return True


class NeverRead:
    """Tells whether rows will never be read: the state is past them, and they were not published.

    Only if nothing has changed for a while, because a program may move its state before it publishes.
    """

    def __init__(self, settings: Settings, rows: Collection[OrderRow], start: Ends) -> None:
        """`start`: the topic's end offsets before the rows were inserted."""
        self._settings = settings
        self._created = {row.order_id: parse_timestamp(row.created_at) for row in rows}
        self._start = start
        self._seen: object = None
        self._since = 0.0

    def __call__(self, missing: Collection[int]) -> bool:
        """`missing`: the order_ids of the rows that are not in the lake."""
        state, now = position.reached(self._settings), time.monotonic()
        seen = (state, frozenset(missing))
        if seen != self._seen:
            self._seen, self._since = seen, now
        if state is None or any(self._created[order_id] > state for order_id in missing):
            return False
        if now - self._since < state_patience(self._settings):
            return False
        self._since = now
        ends = topic_ends(self._settings)
        return ends is not None and not set(missing) & set(find_on_topic(self._settings.kafka, self._start, ends))


def state_patience(settings: Settings) -> float:
    """Seconds without any change until a state counts as one that does not move."""
    interval = max(settings.cdc.poll_interval_sec, settings.streaming.batch_interval)
    return max(STATE_PATIENCE, _POLLS * interval)


def topic_ends(settings: Settings) -> Ends | None:
    """The topic's end offsets; None while Kafka is down."""
    try:
        return end_offsets(settings.kafka)
    except KafkaException:
        return None


def newest_clean_order(connection: psycopg2.extensions.connection, table: str) -> int | None:
    """The order_id of the newest row of the quoted table that a consumer must write; None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT order_id FROM {table} WHERE created_at < now() AT TIME ZONE 'UTC' AND amount >= 0 "
            "AND amount::text <> 'NaN' ORDER BY created_at DESC, order_id DESC LIMIT 1"
        )
        row = cursor.fetchone()
    return int(row[0]) if row else None


def zone_shift(state: datetime | None, newest: datetime | None) -> timedelta | None:
    """By how much a state is off the newest published row, if that is a difference between time zones; else None."""
    if state is None or newest is None:
        return None
    quarters = round((state - newest) / _SMALLEST_ZONE)
    is_whole = abs(state - newest - quarters * _SMALLEST_ZONE) <= STATE_TOLERANCE
    return quarters * _SMALLEST_ZONE if is_whole and 0 < abs(quarters) <= 14 * 4 else None
