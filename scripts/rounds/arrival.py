"""How a round knows that everything has arrived: by the state file, or without one by topic, checkpoint and lake."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import psycopg2.extensions
from confluent_kafka import KafkaException

from configs.settings import Settings
from scripts.pipeline import position
from scripts.pipeline.topic import Ends, end_offsets

# In submissions the state file may have more digits than the published rows, or may be cut to seconds.
STATE_TOLERANCE = timedelta(seconds=1)
# Seconds without a state file, after all rows are in the lake, until a program counts as one that keeps none.
STATELESS_PATIENCE = 5.0
_SMALLEST_ZONE = timedelta(minutes=15)  # zones differ by whole quarters of an hour


class Arrival:
    """Tells whether everything has arrived. It remembers whether the producer keeps a state file.

    `keeps_state` is None until that is known.
    """

    def __init__(self, settings: Settings, connection: psycopg2.extensions.connection, table: str) -> None:
        self._settings = settings
        self._connection = connection
        self._table = table
        self._ends: Ends | None = None
        self._since = 0.0
        self.keeps_state: bool | None = None

    def is_settled(self, *, with_quarantine: bool) -> bool:
        """Whether all rows are published, and all that is published is read. Not while Kafka is down."""
        ends = topic_ends(self._settings)
        if ends is None:
            return False
        newest = position.newest_created_at(self._connection, self._table)
        if position.state_text(self._settings) is not None:
            self.keeps_state = True
        if self.keeps_state or newest is None:
            return position.is_settled(
                self._settings, newest, ends, with_quarantine=with_quarantine, tolerance=STATE_TOLERANCE
            )
        return self._has_arrived_without_state(ends)

    def _has_arrived_without_state(self, ends: Ends) -> bool:
        """Whether the newest row is in the lake, and all is read that was on the topic when it came there.

        A producer without a state may publish the whole table at every poll. Then the topic never stops growing, so its
        end is taken once.
        """
        order_id = newest_clean_order(self._connection, self._table)
        if order_id is not None and order_id not in position.lake_ids(self._settings):
            self._ends = None
            return False
        if self._ends is None:
            self._ends, self._since = ends, time.monotonic()
        if self.keeps_state is None and time.monotonic() - self._since < STATELESS_PATIENCE:
            return False
        committed = position.committed_ends(self._settings)
        if committed and any(committed.get(partition, 0) < end for partition, end in self._ends.items()):
            return False
        self.keeps_state = False
        self._ends = None
        return True


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
