"""Rows that the producer can never read, because of their created_at: counted and reported, not lost silently."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg2.extensions

from configs.contract import EPOCH
from configs.wording import counted
from producers.sql import literal

MAX_COUNT = 10_000  # rows of a kind that are counted; the count of many millions would slow the polls down


@dataclass(frozen=True)
class Unreadable:
    """Rows of one kind: how many (at most MAX_COUNT), and one order_id, as text, None if that is NULL."""

    rows: int
    order_id: str | None


def unreadable_kinds(default_start: datetime | None) -> dict[str, str]:
    """What is wrong with the created_at -> the SQL condition of such rows."""
    kinds = {
        "is NULL": "created_at IS NULL",
        "is infinity": "created_at = 'infinity'",
        "is -infinity": "created_at = '-infinity'",
        "is after the year 9999": "created_at >= '10000-01-01' AND created_at < 'infinity'",
        "is not after 1970-01-01T00:00:00Z": f"created_at > '-infinity' AND created_at <= {literal(EPOCH)}",
    }
    if default_start is not None and default_start > EPOCH:
        kinds["is not after cdc.default_start_timestamp, where a first run begins"] = (
            f"created_at > {literal(EPOCH)} AND created_at <= {literal(default_start)}"
        )
    return kinds


def find_unreadable(
    connection: psycopg2.extensions.connection, table: str, default_start: datetime | None
) -> dict[str, Unreadable]:
    """What is wrong with the created_at -> the rows of the quoted `table` that have it; only kinds that have rows."""
    kinds = unreadable_kinds(default_start)
    query = " UNION ALL ".join(
        f"SELECT count(*), min(order_id::text) FROM (SELECT order_id FROM {table} WHERE {condition} LIMIT {MAX_COUNT})"
        f" AS kind_{number}"
        for number, condition in enumerate(kinds.values())
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        found = [Unreadable(*row) for row in cursor.fetchall()]
    return {kind: rows for kind, rows in zip(kinds, found, strict=True) if rows.rows}


class UnreadableReport:
    """Warns of each kind once, and again when its number has grown."""

    def __init__(self, default_start: datetime | None, log: logging.Logger) -> None:
        self._default_start = default_start
        self._log = log
        self._reported: Mapping[str, Unreadable] = {}

    def check(self, connection: psycopg2.extensions.connection, table: str) -> None:
        """Count the rows of the quoted `table`, and warn of what is new."""
        found = find_unreadable(connection, table, self._default_start)
        for kind, rows in found.items():
            before = self._reported.get(kind)
            if before is None or rows.rows > before.rows:
                self._log.warning(
                    "%s of %s (order_id %s): created_at %s. The producer never reads such a row. Correct its "
                    "created_at, to a time after the state",
                    f"{MAX_COUNT} rows or more" if rows.rows == MAX_COUNT else counted(rows.rows, "row"),
                    table,
                    rows.order_id or "NULL",
                    kind,
                )
        self._reported = found
