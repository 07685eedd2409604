"""A real Postgres without anything else, and in it a new orders table for each test."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import psycopg2.extensions
import pytest

from configs.settings import Postgres
from scripts.pipeline.table import make_table, require_table
from scripts.pipeline.temporary_stack import temporary_stack
from scripts.services import postgres
from scripts.services.stack import Stack


@dataclass(frozen=True)
class Table:
    """The orders table of one test: a connection in autocommit mode, and the table's quoted name."""

    settings: Postgres
    connection: psycopg2.extensions.connection
    name: str

    def execute(self, statement: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)

    def insert(self, created_at: datetime | str | None) -> int:
        """A row with this created_at; returns its order_id."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {self.name} (customer_name, restaurant_name, item, amount, order_status, created_at)"
                " VALUES ('a', 'b', 'c', 1, 'PLACED', %s) RETURNING order_id",
                [created_at],
            )
            (order_id,) = cursor.fetchone() or (0,)
        return int(order_id)

    def connect(self) -> contextlib.closing[psycopg2.extensions.connection]:
        """Another session."""
        return contextlib.closing(postgres.connect(self.settings))


@pytest.fixture(scope="module")
def server() -> Iterator[Stack]:
    """Postgres alone, with prepared transactions."""
    with temporary_stack(rollnumber="2025Src01") as stack:
        postgres.up(stack)
        own = contextlib.closing(postgres.connect(stack.settings.postgres))
        with own as connection, connection.cursor() as cursor:
            cursor.execute("ALTER SYSTEM SET max_prepared_transactions = 5")
        postgres.down(stack)
        postgres.up(stack)
        yield stack
        postgres.down(stack)


@pytest.fixture
def table(server: Stack) -> Iterator[Table]:
    """The base rows' table, dropped after the test."""
    make_table(server.settings)
    with contextlib.closing(postgres.connect(server.settings.postgres)) as connection:
        name = require_table(connection, server.settings).name
        yield Table(server.settings.postgres, connection, name)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {name}")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> logging.Logger:
    """A logger whose lines are in caplog.text."""
    caplog.set_level(logging.INFO)
    return logging.getLogger("producer_under_test")
