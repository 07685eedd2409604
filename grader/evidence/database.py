"""The orders table in Postgres, if it can be reached. The grader only reads it, and works without it too."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from configs.contract import COLUMN_NAMES, table_spellings
from configs.orders_table import connect
from configs.settings import Settings
from grader.evidence.orders import normal_table

if TYPE_CHECKING:
    import psycopg2.extensions
    import pyarrow as pa

CONNECT_TIMEOUT_SEC = 2  # the minimum of libpq
_STATEMENT_TIMEOUT_MS = 60_000

_COLUMNS = """
    SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
"""
_EXPRESSIONS = {
    # Whole microseconds. The session is in UTC, so a timestamp without a zone is read as UTC; infinity becomes null.
    "created_at": "CASE WHEN isfinite({column}::timestamptz) "
    "THEN (extract(epoch FROM {column}::timestamptz)::numeric * 1000000)::bigint END",
    "amount": "{column}::text",
}


@dataclass(frozen=True)
class Database:
    """The table; `problem` says why it cannot be read. `orders` are its rows in the normal form of orders.py."""

    settings: Settings | None
    problem: str | None = None

    @cached_property
    def _read(self) -> tuple[pa.Table | None, str | None]:
        import psycopg2

        if self.settings is None:
            return None, self.problem or "there is no config that says where the database is"
        postgres = self.settings.postgres
        try:
            connection = connect(
                postgres,
                program="grader",
                connect_timeout=CONNECT_TIMEOUT_SEC,
                statement_timeout_ms=_STATEMENT_TIMEOUT_MS,
            )
        except (psycopg2.Error, UnicodeError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            return None, f"Postgres at {postgres.host}:{postgres.port} does not answer ({first})"
        try:
            connection.set_session(readonly=True)
            return _table(connection, postgres.table)
        except (psycopg2.Error, ValueError) as error:  # pyarrow's errors are ValueErrors
            return None, f"table {postgres.table} cannot be read ({str(error).splitlines()[0]})"
        finally:
            connection.close()

    @property
    def orders(self) -> pa.Table | None:
        return self._read[0]

    @property
    def reason(self) -> str:
        """Why `orders` is None."""
        return self._read[1] or ""

    @property
    def row_count(self) -> int | None:
        return None if self.orders is None else int(self.orders.num_rows)


@dataclass(frozen=True)
class KnownDatabase(Database):
    """A database whose rows are given, for the examples of checks."""

    rows: pa.Table | None = None

    @cached_property
    def _read(self) -> tuple[pa.Table | None, str | None]:
        return self.rows, None if self.rows is not None else self.problem


def _table(connection: psycopg2.extensions.connection, table: str) -> tuple[pa.Table | None, str | None]:
    import pyarrow as pa
    from pyarrow import csv

    with connection.cursor() as cursor:
        for spelling in table_spellings(table):
            cursor.execute(_COLUMNS, (spelling,))
            there = {name for (name,) in cursor.fetchall()}
            columns = [name for name in COLUMN_NAMES if name in there]
            if "order_id" in columns:
                break
        else:
            return None, f"there is no table {table} with an order_id in the database"
        selected = ", ".join(_EXPRESSIONS.get(name, "{column}").format(column=f'"{name}"') for name in columns)
        target = io.BytesIO()
        cursor.copy_expert(f"COPY (SELECT {selected} FROM {spelling}) TO STDOUT WITH (FORMAT csv)", target)
    types = {name: pa.int64() if name in ("order_id", "created_at") else pa.string() for name in columns}
    if target.tell() == 0:
        return normal_table(_timestamps(pa.table({name: pa.array([], kind) for name, kind in types.items()}))), None
    target.seek(0)
    rows = csv.read_csv(
        target,
        read_options=csv.ReadOptions(column_names=columns),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    return normal_table(_timestamps(rows)), None


def _timestamps(table: pa.Table) -> pa.Table:
    import pyarrow as pa

    if "created_at" not in table.column_names:
        return table
    at = table.column_names.index("created_at")
    return table.set_column(at, "created_at", table.column(at).cast(pa.timestamp("us")))
