"""`make psql`: the database of the config in psql."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import NoReturn

from configs.errors import KitError
from configs.orders_table import find_table
from scripts.clients.arguments import arguments
from scripts.services.postgres import psql_program, require_connection
from scripts.services.stack import Stack


def run_psql(stack: Stack) -> NoReturn:
    """Replace this process by psql. Its variable `table` is the config's table, for db/orders.sql and its like.

    Raises:
        KitError: there is no psql, or Postgres does not answer.
    """
    words = arguments()
    settings = stack.settings.postgres
    with contextlib.closing(require_connection(settings)) as connection:
        name = find_table(connection, settings.table) or settings.table
    program = _program(stack)
    schema, table = (part.strip('"').replace('""', '"') for part in name.rpartition(".")[::2])
    environment = {
        **os.environ,
        "PGHOST": settings.host,
        "PGPORT": str(settings.port),
        "PGDATABASE": settings.db,
        "PGUSER": settings.user,
        "PGPASSWORD": settings.password,  # not on the command line: everybody on this machine can read that
    }
    if schema:
        environment["PGOPTIONS"] = f'-c search_path="{schema}",public'
    os.execve(program, [program, "-v", f"table={table}", *words], environment)


def _program(stack: Stack) -> str:
    if stack.services == "embedded":
        return str(psql_program())
    found = shutil.which("psql")
    if found is None:
        raise KitError(
            f"SERVICES={stack.services} uses the psql of this machine, but none is on PATH. Install it (on Debian: apt "
            "install postgresql-client)."
        )
    return found
