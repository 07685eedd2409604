"""A submission's own SQL: run by psql in the submission's sandbox, as the owner of its database and nobody else."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path

import psycopg2

from configs.contract import COLUMN_NAMES
from configs.program import first_line
from configs.settings import Settings
from grader.evidence.listing import list_files, read_bytes
from scripts.pipeline.orders import insert_statement, make_orders
from scripts.pipeline.table import find_table, make_table
from scripts.services.postgres import psql_program, require_connection
from scripts.services.processes import kill, wait_until
from scripts.services.stack import Stack

TIMEOUT = 20.0  # seconds for one file
_MAX_BYTES = 4 << 20
_MAX_FILES = 20
_CREATES = re.compile(r"\bCREATE\s+(?:UNLOGGED\s+)?TABLE\b", re.IGNORECASE)
_DROPS = re.compile(r"\bDROP\s+(?:TABLE|DATABASE)\b|\bTRUNCATE\b|\bDELETE\s+FROM\b", re.IGNORECASE)


@dataclass(frozen=True)
class OwnTable:
    """Whether the table is the student's own, and if it is not: why, as the end of a sentence."""

    is_own: bool
    why: str = ""


def sql_files(submission: Path) -> list[Path]:
    """The files that make the table: those in folders named db, or else all; those that create a table come first.

    Files that only drop or delete are not among them.
    """
    names = [name for name in sorted(list_files(submission, (".sql",), submission)) if name.count("/") < 12]
    in_db = [name for name in names if "db" in Path(name).parts[:-1]]
    texts: dict[str, str] = {}
    for name in in_db or names:
        with contextlib.suppress(OSError):
            texts[name] = read_bytes(submission, name, _MAX_BYTES).decode("utf-8", errors="replace")
    creating = [name for name, text in texts.items() if _CREATES.search(text)]
    others = [name for name, text in texts.items() if name not in creating and not _DROPS.search(text)]
    return [submission / name for name in [*creating, *(others if in_db else [])][:_MAX_FILES]]


def make_students_table(stack: Stack, submission: Path, on_progress: Callable[[str], None]) -> OwnTable:
    """Run the submission's SQL. Where no table comes of it that the rounds can insert into, make the kit's.

    Raises:
        KitError: Postgres does not answer, or the kit's own table cannot be made.
    """
    settings = stack.settings
    files = sql_files(submission)
    for file in files:
        on_progress(f"Running {file.relative_to(submission)}")
        _run_psql(stack, file)
    why = _problem(settings) if files else "the submission has no SQL file"
    if why is not None:
        _drop(settings)
    make_table(settings)  # base rows too, where the student's table has none
    return OwnTable(why is None, why or "")


def _run_psql(stack: Stack, file: Path) -> None:
    postgres = stack.settings.postgres
    words: list[str | Path] = [psql_program(), "--no-psqlrc", "--quiet", "--no-password", "--host", postgres.host]
    words += ["--port", str(postgres.port), "--username", postgres.user, "--dbname", postgres.db, "--file", file]
    words += ["--variable", f"table={postgres.table}"]  # the kit's db/orders.sql, which many hand in, asks for it
    pid_file = stack.pid_file("sql")
    process = stack.launcher.launch(
        words,
        pid_file=pid_file,
        log=stack.log("sql"),
        environment={"PATH": os.environ.get("PATH", os.defpath), "PGPASSWORD": postgres.password, "PGTZ": "UTC"},
        folder=file.parent,
    )
    wait_until(lambda: pid_file.process() is None, timeout=TIMEOUT)
    if process.is_running():
        kill(pid_file)


def _problem(settings: Settings) -> str | None:
    """Why the rounds could not use the table that is there; None if they can. A row is inserted and taken back."""
    with contextlib.closing(require_connection(settings.postgres)) as connection:
        try:
            table = find_table(connection, settings)
            if table is None:
                return f"its SQL made no table {settings.postgres.table}"
            with connection.cursor() as cursor:
                cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass", (table.name,))
                there = {name for (name,) in cursor.fetchall()}
            missing = [name for name in COLUMN_NAMES if name not in there]
            if missing:
                return f"its table has no {', '.join(missing)}"
            connection.autocommit = False
            (order,) = make_orders("trial", 1)
            with connection.cursor() as cursor:
                insert = insert_statement(table.name, "VALUES (%s, %s, %s, %s, %s, now())", with_created_at=True)
                cursor.execute(insert, astuple(order))
        except psycopg2.Error as error:
            return f"a row could not be inserted into its table: {first_line(error)}"
        finally:
            connection.rollback()
    return None


def _drop(settings: Settings) -> None:
    """Remove what has the table's name, so that the kit can make its own."""
    with contextlib.closing(require_connection(settings.postgres)) as connection:
        table = find_table(connection, settings)
        if table is None:
            return
        for kind in ("TABLE", "VIEW", "MATERIALIZED VIEW", "FOREIGN TABLE"):
            with contextlib.suppress(psycopg2.Error), connection.cursor() as cursor:
                cursor.execute(f"DROP {kind} {table.name} CASCADE")
                return
