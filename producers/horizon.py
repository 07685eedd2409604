"""How far the producer may read: only below the horizon. That is the start of the oldest open transaction, or now.

`created_at DEFAULT now()` is fixed when a transaction begins, but the row appears when it commits. So a row can appear
late, with a created_at below rows that are already published. A producer that has passed it never reads it. Below the
horizon no row can appear any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg2.extensions

# BEGIN SOLUTION: task 10
# All client sessions of the database, not only those that have written. A session that has only read may write next,
# with the created_at of its beginning. statement_timestamp() is taken before pg_stat_activity is read.
_HORIZON = """
SELECT least(statement_timestamp(), oldest.xact_start) - %(margin)s * interval '1 second',
       oldest.pid, oldest.state, extract(epoch FROM statement_timestamp() - oldest.xact_start)::float8
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (
    SELECT pid, state, xact_start FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND datname = current_database()
      AND xact_start IS NOT NULL
    ORDER BY xact_start LIMIT 1
) AS oldest ON true
"""
# END SOLUTION
_MAY_SEE_ALL_SESSIONS = "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"


@dataclass(frozen=True)
class Holder:
    """The session with the oldest open transaction: its pid, its state, and the transaction's age in seconds."""

    pid: int
    state: str
    age: float


@dataclass(frozen=True)
class Horizon:
    """Rows with created_at below `limit` (UTC) are complete. `holder`: the oldest open transaction, if there is one."""

    limit: datetime
    holder: Holder | None


def sees_all_sessions(connection: psycopg2.extensions.connection) -> bool:
    """Whether other roles' transactions are visible: without pg_read_all_stats their xact_start is NULL."""
    with connection.cursor() as cursor:
        cursor.execute(_MAY_SEE_ALL_SESSIONS)
        return cursor.fetchone() == (True,)


def take_horizon(connection: psycopg2.extensions.connection, margin: float) -> Horizon:
    """The horizon now, minus `margin` seconds. Call it before the query that reads the rows.

    The margin covers the time from the beginning of a transaction until pg_stat_activity shows it. If other sessions
    are invisible, the margin is the only protection.
    """
    # BEGIN SOLUTION: task 10
    with connection.cursor() as cursor:
        cursor.execute(_HORIZON, {"margin": margin})
        limit, pid, state, age = cursor.fetchone() or ()
    return Horizon(limit, None if pid is None else Holder(pid, state or "unknown", age))
    # STARTER with connection.cursor() as cursor:
    # STARTER     cursor.execute("SELECT statement_timestamp()")
    # STARTER     (now,) = cursor.fetchone() or ()
    # STARTER return Horizon(now, None)
    # END SOLUTION
