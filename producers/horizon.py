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
# All sessions that may write, not only those that have written: one that has only read may write next, with the
# created_at of its beginning. Workers of extensions and of logical replication write too, and may have no database.
# A session without track_activities has the state disabled and no xact_start.
# statement_timestamp() is taken before pg_stat_activity is read.
_HORIZON = """
SELECT least(statement_timestamp(), oldest.xact_start) - (%(margin)s + %(rounding)s) * interval '1 second',
       least(statement_timestamp(), oldest.xact_start) - (%(lag)s + %(rounding)s) * interval '1 second',
       statement_timestamp(), pg_is_in_recovery(), hidden.pid,
       oldest.pid, oldest.state, extract(epoch FROM statement_timestamp() - oldest.xact_start)::float8
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (
    SELECT pid, coalesce(state, backend_type) AS state, xact_start FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND backend_type NOT IN ('autovacuum worker', 'walsender')
      AND (datname = current_database() OR datname IS NULL) AND xact_start IS NOT NULL
    ORDER BY xact_start LIMIT 1
) AS oldest ON true
LEFT JOIN LATERAL (
    SELECT pid FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND backend_type NOT IN ('autovacuum worker', 'walsender')
      AND (datname = current_database() OR datname IS NULL) AND state = 'disabled'
    ORDER BY pid LIMIT 1
) AS hidden ON true
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
class Margins:
    """Seconds that the horizon stays below the oldest transaction: `usual`; `hidden`, if one may be invisible.

    `rounding`: by how much the type of created_at may move a row down; it is added to either.
    """

    usual: float
    hidden: float
    rounding: float = 0.0


@dataclass(frozen=True)
class Horizon:
    """Rows with created_at below `limit` (UTC) are complete. `holder`: the oldest open transaction, if there is one.

    `clock` is the server's. `hidden_pid`: a session whose transactions are invisible, so `limit` has the hidden margin.
    """

    limit: datetime
    holder: Holder | None
    clock: datetime
    is_standby: bool
    hidden_pid: int | None


def sees_all_sessions(connection: psycopg2.extensions.connection) -> bool:
    """Whether other roles' transactions are visible: without pg_read_all_stats their xact_start is NULL."""
    with connection.cursor() as cursor:
        cursor.execute(_MAY_SEE_ALL_SESSIONS)
        return cursor.fetchone() == (True,)


def take_horizon(connection: psycopg2.extensions.connection, margins: Margins) -> Horizon:
    """The horizon now. Call it before the query that reads the rows.

    The usual margin covers the time from the beginning of a transaction until pg_stat_activity shows it. If other
    sessions are invisible, the hidden margin is the only protection.
    """
    # BEGIN SOLUTION: task 10
    parameters = {
        "margin": margins.usual,
        "lag": max(margins.usual, margins.hidden),
        "rounding": margins.rounding,
    }
    with connection.cursor() as cursor:
        cursor.execute(_HORIZON, parameters)
        limit, late_limit, clock, is_standby, hidden, pid, state, age = cursor.fetchone() or ()
    holder = None if pid is None else Holder(pid, state or "unknown", age)
    return Horizon(limit if hidden is None else late_limit, holder, clock, is_standby, hidden)
    # STARTER with connection.cursor() as cursor:
    # STARTER     cursor.execute("SELECT statement_timestamp(), pg_is_in_recovery()")
    # STARTER     now, is_standby = cursor.fetchone() or ()
    # STARTER return Horizon(now, None, now, is_standby, None)
    # END SOLUTION
