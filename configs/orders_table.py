"""The database of the orders table: how to connect to it, and the table's name in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from configs.contract import table_spellings
from configs.settings import Postgres

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's classes have small names

FUTURE_SEC = 10  # a created_at further in the future than this is reported; a nearer one is soon past


@dataclass(frozen=True)
class FutureOrders:
    """Orders with a created_at in the future: how many, the seconds until the nearest, and the last one.

    `last_created_at` is text in UTC, because a datetime cannot hold a year after 9999.
    """

    rows: int
    nearest_sec: float
    last_order_id: int
    last_created_at: str


def connect(
    postgres: Postgres,
    *,
    db: str | None = None,
    program: str = "food-orders-kit",
    connect_timeout: int = 5,
    statement_timeout_ms: int = 0,
) -> Connection:
    """A connection in autocommit mode, its session in UTC. `db`: another database than the config's.

    `connect_timeout` is in seconds. A `statement_timeout_ms` of 0 means no timeout. pg_stat_activity shows `program`.

    Raises:
        psycopg2.OperationalError: no connection.
    """
    import psycopg2  # here: without this import the grader starts faster

    connection = psycopg2.connect(
        host=postgres.host,
        port=postgres.port,
        dbname=db or postgres.db,
        user=postgres.user,
        password=postgres.password,
        connect_timeout=connect_timeout,
        application_name=program,
        options=f"-c timezone=UTC -c statement_timeout={statement_timeout_ms}",
    )
    connection.autocommit = True
    return connection


def find_table(connection: Connection, table: str) -> str | None:
    """The quoted name of the configured table: as written, else in lower case; None if there is neither."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(to_regclass(%s), to_regclass(%s))::text", table_spellings(table))
        found = cursor.fetchone()
    return found[0] if found else None


def future_orders(connection: Connection, table: str) -> FutureOrders | None:
    """Orders of the quoted table with a created_at more than FUTURE_SEC in the future; None if there are none.

    The producer reads each of them when its time comes. A created_at of infinity never comes, and is not counted.
    """
    now = "statement_timestamp() AT TIME ZONE 'UTC'"
    query = f"""
        SELECT count(*), extract(epoch FROM min(created_at) - {now})::float8,
               (array_agg(order_id ORDER BY created_at DESC))[1], max(created_at)::text
        FROM {table} WHERE isfinite(created_at) AND created_at > {now} + %s * interval '1 second'
    """
    with connection.cursor() as cursor:
        cursor.execute(query, (FUTURE_SEC,))
        found = cursor.fetchone()
    return FutureOrders(*found) if found and found[0] else None
