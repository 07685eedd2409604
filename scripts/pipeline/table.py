"""`make db`: the database's table with its base rows, from db/orders.sql."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import psycopg2.extensions
from psycopg2 import errors, sql

from configs import orders_table
from configs.contract import table_spellings
from configs.errors import KitError
from configs.settings import PROJECT, Settings
from configs.wording import counted
from scripts.pipeline.psql_script import read_psql_script
from scripts.services.outcome import Outcome
from scripts.services.postgres import require_connection

TABLE_SQL = PROJECT / "db" / "orders.sql"


@dataclass(frozen=True)
class Table:
    """The orders table as Postgres knows it: its quoted name, and its number of rows."""

    name: str
    rows: int


def find_table(connection: psycopg2.extensions.connection, settings: Settings) -> Table | None:
    """Find the configured table, by its name as written or in lower case."""
    name = orders_table.find_table(connection, settings.postgres.table)
    if name is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {name}")
        found = cursor.fetchone()
    return Table(name, found[0] if found else 0)


def require_table(connection: psycopg2.extensions.connection, settings: Settings) -> Table:
    """The orders table.

    Raises:
        KitError: it is not there.
    """
    table = find_table(connection, settings)
    if table is None:
        raise KitError(f"The database {settings.postgres.db} has no table {settings.postgres.table}. Run `make db`.")
    return table


def make_table(settings: Settings) -> Outcome:
    """Create the table and its base rows if they are missing.

    Raises:
        KitError: Postgres does not answer, or refuses.
    """
    with contextlib.closing(require_connection(settings.postgres)) as connection:
        before = find_table(connection, settings)
        if before is None or before.rows == 0:
            name = before.name if before else table_spellings(settings.postgres.table)[0]
            index = sql.Identifier(f"{settings.postgres.table.rpartition('.')[2].strip(chr(34))}_created_at").as_string(
                connection
            )
            statements = read_psql_script(TABLE_SQL, connection, {"table": name, "index": index})
            try:
                with connection.cursor() as cursor:
                    cursor.execute(statements)
            except errors.Error as error:
                raise KitError(f"db/orders.sql failed: {error.diag.message_primary or error}") from None
        after = require_table(connection, settings)
    changed = before is None or before.rows == 0
    state = "is ready" if changed else "already exists"
    return Outcome(f"Table {after.name} {state}: {counted(after.rows, 'row')}", changed)
