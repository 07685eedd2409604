"""Transactions that were prepared (PREPARE TRANSACTION) and not yet committed: no session has them, so the horizon does
not know them. Their rows appear at COMMIT PREPARED, with the created_at of their beginning.

Postgres does not record when they began. But one that this poll sees and the poll before did not was then in a session,
which held that poll's horizon, or had not begun. So its rows are above that horizon.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg2.extensions

from producers.horizon import Horizon

_PREPARED = """
SELECT transaction::text, gid, extract(epoch FROM statement_timestamp() - prepared)::float8
FROM pg_prepared_xacts WHERE database = current_database()
"""


@dataclass(frozen=True)
class Prepared:
    """The prepared transaction that holds the horizon back most: its gid, its age in seconds, and the limit (UTC)."""

    gid: str
    age: float
    limit: datetime


class PreparedTransactions:
    """Remembers for each prepared transaction up to where rows may be read while it is there."""

    def __init__(self) -> None:
        self._limits: dict[tuple[str, str], datetime] = {}
        self._horizon: datetime | None = None

    def take(self, connection: psycopg2.extensions.connection, horizon: Horizon, state: datetime) -> Prepared | None:
        """The one that holds rows back, None if there are none.

        Call it after `take_horizon`, with its result: a transaction that is prepared in between is then seen by both.
        At the first call nothing is known of earlier polls, so nothing above the `state` may be read.
        """
        with connection.cursor() as cursor:
            cursor.execute(_PREPARED)
            rows = cursor.fetchall()
        first_limit = state if self._horizon is None else self._horizon
        # A gid can be used again, a transaction's number not.
        self._limits = {(number, gid): self._limits.get((number, gid), first_limit) for number, gid, _ in rows}
        self._horizon = horizon.limit
        if not rows:
            return None
        number, gid, age = min(rows, key=lambda row: (self._limits[row[0], row[1]], -row[2]))
        return Prepared(gid, age, self._limits[number, gid])
