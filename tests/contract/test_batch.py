"""The next batch of the producer, on a real Postgres with ports of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import psycopg2.extensions
import pytest

from configs.orders_table import connect, find_table
from scripts.pipeline.services import services_of
from scripts.pipeline.table import make_table
from scripts.pipeline.temporary_stack import temporary_stack
from tests.contract.student_module import student_module

orders_batch = student_module("producers/orders_batch.py")
pytestmark = pytest.mark.services

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
FUTURE = datetime(2100, 1, 1, tzinfo=timezone.utc)
# After the table's ten base rows, in UTC. Three are at the same moment.
FIRST = datetime(2030, 1, 1, 0, 0, 0, 1, timezone.utc)
TIES = FIRST + timedelta(microseconds=1)
LAST = FIRST + timedelta(days=1)
BASE_ROWS = 10


@pytest.fixture(scope="module")
def database() -> Iterator[tuple[psycopg2.extensions.connection, str]]:
    with temporary_stack() as stack:
        services_of(stack).up()
        make_table(stack.settings)
        connection = connect(stack.settings.postgres)
        table = find_table(connection, stack.settings.postgres.table)
        assert table is not None
        with connection.cursor() as cursor:
            for moment in (FIRST, TIES, TIES, TIES, LAST):
                cursor.execute(
                    f"INSERT INTO {table} (customer_name, restaurant_name, item, amount, order_status, created_at)"
                    " VALUES ('Meera Nair', 'Curry Leaf', 'Fish Curry', 345.75, 'PLACED', %s)",
                    (moment.replace(tzinfo=None),),
                )
        yield connection, table
        connection.close()


def test_a_first_batch_has_every_row(database: tuple[psycopg2.extensions.connection, str]) -> None:
    batch = orders_batch.find_batch(*database, EPOCH, FUTURE, None)
    assert (batch.rows, batch.reached) == (BASE_ROWS + 5, LAST)


def test_a_batch_begins_after_the_last_one(database: tuple[psycopg2.extensions.connection, str]) -> None:
    batch = orders_batch.find_batch(*database, FIRST, FUTURE, None)
    assert (batch.rows, batch.reached) == (4, LAST)


def test_rows_at_the_horizon_wait_for_the_next_batch(database: tuple[psycopg2.extensions.connection, str]) -> None:
    batch = orders_batch.find_batch(*database, FIRST, LAST, None)
    assert (batch.rows, batch.reached) == (3, TIES)


def test_without_new_rows_there_is_no_batch(database: tuple[psycopg2.extensions.connection, str]) -> None:
    assert orders_batch.find_batch(*database, LAST, FUTURE, None) is None


def test_a_limit_takes_the_oldest_rows(database: tuple[psycopg2.extensions.connection, str]) -> None:
    batch = orders_batch.find_batch(*database, EPOCH, FUTURE, BASE_ROWS + 1)
    assert (batch.rows, batch.reached) == (BASE_ROWS + 1, FIRST)


def test_a_limit_does_not_cut_rows_of_the_same_moment_apart(
    database: tuple[psycopg2.extensions.connection, str],
) -> None:
    batch = orders_batch.find_batch(*database, EPOCH, FUTURE, BASE_ROWS + 2)
    assert (batch.rows, batch.reached) == (BASE_ROWS + 4, TIES)
