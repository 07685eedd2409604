"""What is checked at every connect, because rows would be lost silently if it were not so.

created_at is what the table's default, its type and the server's zone make of a time. And the producer reaches the
table in two ways, its own and Spark's. Each check ends the producer with one sentence, or says how it copes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg2
import psycopg2.extensions
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from configs.contract import table_spellings
from configs.program import ProgramError
from configs.settings import Postgres

TYPES = ("timestamp without time zone", "timestamp with time zone")
EXACT_DIGITS = 6  # of a second, in a timestamp without a precision
INTEGERS = ("smallint", "integer", "bigint")
JDBC_TIMEOUT = 5  # seconds

# A domain has the type and the precision of what it is made from.
_COLUMNS = """
SELECT column_of.attname, format_type(coalesce(nullif(type.typbasetype, 0::oid), type.oid), NULL),
       CASE WHEN type.typtype = 'd' THEN type.typtypmod ELSE column_of.atttypmod END,
       pg_get_expr(value.adbin, value.adrelid)
FROM pg_attribute AS column_of
JOIN pg_type AS type ON type.oid = column_of.atttypid
LEFT JOIN pg_attrdef AS value ON value.adrelid = column_of.attrelid AND value.adnum = column_of.attnum
WHERE column_of.attrelid = %s::regclass AND column_of.attname IN ('created_at', 'order_id')
  AND NOT column_of.attisdropped
"""
# What makes a time in the session's zone, if nothing converts it.
_LOCAL_TIME = re.compile(
    r"\(*(?:now\(\)|CURRENT_TIMESTAMP|LOCALTIMESTAMP|(?:transaction|statement|clock)_timestamp\(\))"
    r"(?:\(\d\))?\)*(?:::timestamp(?:\(\d\))?(?: with(?:out)? time zone)?)?\)*",
    re.IGNORECASE,
)
_ZONE = (
    "SELECT current_setting('timezone'),"
    " extract(epoch FROM now() AT TIME ZONE current_setting('timezone') - now() AT TIME ZONE 'UTC')::float8"
)
_PRIMARY = "SELECT sender_host, sender_port FROM pg_stat_wal_receiver WHERE sender_host IS NOT NULL"
# The same text from both drivers. No two servers are started in the same microsecond.
_PLACE = """
SELECT extract(epoch FROM pg_postmaster_start_time())::text, current_database()::text, pg_is_in_recovery()::text,
       coalesce(coalesce(to_regclass('{quoted}'), to_regclass('{lower}'))::oid::text, '-'),
       coalesce(host(inet_server_addr()), 'a socket') || ':' || coalesce(inet_server_port()::text, '-'),
       coalesce((SELECT oid::regclass::text || ' in the schema ' || relnamespace::regnamespace::text FROM pg_class
                 WHERE oid = coalesce(to_regclass('{quoted}'), to_regclass('{lower}'))), 'no such table')
"""


@dataclass(frozen=True)
class Column:
    """A column as Postgres knows it. `digits`: of a second, that a timestamp keeps. `default`: its SQL, if any."""

    type: str
    digits: int
    default: str | None


@dataclass(frozen=True)
class Place:
    """A table where one of the two connections finds it; `address` and `table` are only shown."""

    started: str
    database: str
    is_standby: bool
    table_oid: str
    address: str
    table: str

    @property
    def identity(self) -> tuple[object, ...]:
        return (self.started, self.database, self.is_standby, self.table_oid)

    def __str__(self) -> str:
        kind = "standby" if self.is_standby else "primary"
        return f"{self.address}, a {kind}, database {self.database}, table {self.table}"


def read_columns(connection: psycopg2.extensions.connection, table: str) -> dict[str, Column]:
    """created_at and order_id of the quoted `table`, as far as it has them."""
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [table])
        return {
            name: Column(type_name, EXACT_DIGITS if modifier < 0 else modifier, default)
            for name, type_name, modifier, default in cursor.fetchall()
        }


def rounding_of(table: str, created_at: Column | None) -> float:
    """By how many seconds the type may move a created_at down.

    Raises:
        ProgramError: there is no created_at, or it is no timestamp.
    """
    if created_at is None:
        raise ProgramError(
            f"The table {table} has no column created_at, by which the producer reads. Run `make db` for the "
            "assignment's table, or name another in postgres.table."
        )
    if created_at.type not in TYPES:
        raise ProgramError(
            f"created_at of {table} has the type {created_at.type}; it must be timestamp or timestamptz, because the "
            f"producer reads by time. Change it: ALTER TABLE {table} ALTER COLUMN created_at TYPE timestamp USING "
            "created_at::timestamp"
        )
    return 0.0 if created_at.digits >= EXACT_DIGITS else 0.5 * 10.0**-created_at.digits


def require_utc_default(postgres: Postgres, table: str, created_at: Column, log: logging.Logger) -> None:
    """Make sure that a default such as now() in a column without time zone makes no time before the real one.

    Raises:
        ProgramError: it does, because the zone of other sessions is west of UTC.
        psycopg2.OperationalError: no second connection.
    """
    if created_at.type != TYPES[0] or not _LOCAL_TIME.fullmatch(created_at.default or ""):
        return
    zone, offset = _default_zone(postgres)
    remedy = (
        f"ALTER DATABASE \"{postgres.db}\" SET timezone = 'UTC', or: ALTER TABLE {table} ALTER COLUMN created_at SET "
        "DEFAULT (now() AT TIME ZONE 'UTC')"
    )
    if offset < 0:
        raise ProgramError(
            f"created_at of {table} has the default {created_at.default} and no time zone, and sessions of "
            f"{postgres.db} have the zone {zone}, {_hours(-offset)} behind UTC: new rows would be that far below the "
            f"state, and lost. Set the zone or the default: {remedy}"
        )
    if offset > 0:
        log.warning(
            "created_at of %s has the default %s and no time zone, and sessions of %s have the zone %s, %s ahead of "
            "UTC. Each new row is read only that much later. Set the zone or the default: %s",
            table,
            created_at.default,
            postgres.db,
            zone,
            _hours(offset),
            remedy,
        )


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:g} h"


def _default_zone(postgres: Postgres) -> tuple[str, float]:
    """The zone that a session gets from server, database or role, and how many seconds it is ahead of UTC."""
    with (
        _without_variable("PGTZ"),
        contextlib.closing(
            psycopg2.connect(
                host=postgres.host,
                port=postgres.port,
                dbname=postgres.db,
                user=postgres.user,
                password=postgres.password,
                connect_timeout=5,
            )
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(_ZONE)
        zone, offset = cursor.fetchone() or ("UTC", 0.0)
    return zone, offset


@contextlib.contextmanager
def _without_variable(name: str) -> Iterator[None]:
    value = os.environ.pop(name, None)
    try:
        yield
    finally:
        if value is not None:
            os.environ[name] = value


def standby_error(connection: psycopg2.extensions.connection, postgres: Postgres) -> ProgramError:
    """The error for a server that is a standby; it names the primary if the role may see that."""
    with connection.cursor() as cursor:
        cursor.execute(_PRIMARY)
        found = cursor.fetchone()
    primary = f"its primary, {found[0]}:{found[1]}," if found else "its primary"
    return ProgramError(
        f"Postgres at {postgres.host}:{postgres.port} is a standby. The open transactions of those who insert are on "
        f"the primary, so rows that they commit late would be lost. Point postgres.host, port and jdbc_url to {primary}"
        " and start the producer again."
    )


def require_primary(connection: psycopg2.extensions.connection, postgres: Postgres) -> None:
    """Make sure that the server is not a standby.

    Raises:
        ProgramError: it is.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        if cursor.fetchone() == (True,):
            raise standby_error(connection, postgres)


def require_same_table(connection: psycopg2.extensions.connection, spark: SparkSession, postgres: Postgres) -> None:
    """Make sure that jdbc_url, which Spark reads by, leads to the table that the other keys lead to.

    Raises:
        ProgramError: it does not, or Postgres refuses its connection.
        Py4JJavaError: no connection by jdbc_url.
    """
    quoted, lower = (name.replace("'", "''") for name in table_spellings(postgres.table))
    query = _PLACE.format(quoted=quoted, lower=lower)
    with connection.cursor() as cursor:
        cursor.execute(query)
        ours = _place(cursor.fetchone() or ())
    theirs = _place(_by_jdbc(spark, postgres, query))
    if ours.identity != theirs.identity:
        raise ProgramError(
            f"postgres.jdbc_url leads to another table than postgres.host, port, db and table. By jdbc_url: {theirs}. "
            f"By the other keys: {ours}. Rows would be counted here and read there. Make them lead to the same table."
        )


def _place(row: tuple[str, ...]) -> Place:
    started, database, is_standby, oid, address, table = row
    return Place(started, database, is_standby == "true", oid, address, table)


def _by_jdbc(spark: SparkSession, postgres: Postgres, query: str) -> tuple[str, ...]:
    """The one row of a query through the driver and the URL that Spark's jobs use; every column is text."""
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    properties = jvm.java.util.Properties()
    for key, value in {
        "user": postgres.user,
        "password": postgres.password,
        "loginTimeout": str(JDBC_TIMEOUT),
        "socketTimeout": str(JDBC_TIMEOUT),
    }.items():
        properties.setProperty(key, value)
    try:
        connection = jvm.org.postgresql.Driver().connect(postgres.jdbc_url, properties)
    except Py4JJavaError as error:
        reason = str(error.java_exception.getMessage())
        if "authentication failed" in reason or "does not exist" in reason:
            raise ProgramError(
                f"Postgres refused the connection by postgres.jdbc_url: {reason.splitlines()[0]}. Fix the config."
            ) from None
        raise
    try:
        result = connection.createStatement().executeQuery(query)
        result.next()
        return tuple(result.getString(column) for column in range(1, 7))
    finally:
        connection.close()
