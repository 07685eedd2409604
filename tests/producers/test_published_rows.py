"""A batch of which fewer rows came to the topic than were counted: deleted since, or not read."""

from __future__ import annotations

import logging
from datetime import datetime

import pytest

from configs.contract import UTC
from configs.program import ProgramError
from producers.orders_batch import Batch, find_batch
from producers.published_rows import MissingRowsError, PublishedCheck
from tests.producers.conftest import Table

pytestmark = pytest.mark.services

BASE_ROWS = 10


@pytest.fixture
def batch(table: Table) -> Batch:
    """The base rows, in two ranges, of which the first row is a late one."""
    first, last = datetime(2025, 11, 18, 10, 6, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    found = find_batch(table.connection, table.name, first, last, None)
    assert found is not None
    middle = datetime(2025, 11, 18, 12, 24, tzinfo=UTC)
    return Batch(table.name, first, (middle, found.reached), found.rows, late_ids=(1,))


def test_a_whole_batch_is_accepted(table: Table, batch: Batch, log: logging.Logger) -> None:
    check = PublishedCheck(log)
    assert check.check(table.connection, batch, BASE_ROWS) == BASE_ROWS
    assert check.check(table.connection, batch, BASE_ROWS + 3) == BASE_ROWS, "somebody else writes to the topic too"


def test_deleted_rows_are_reported_and_no_error(
    table: Table, batch: Batch, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    table.execute(f"DELETE FROM {table.name} WHERE order_id IN (1, 5, 7)")
    assert PublishedCheck(log).check(table.connection, batch, BASE_ROWS - 3) == BASE_ROWS - 3
    assert "3 rows were deleted between count and read" in caplog.text


def test_rows_that_are_not_read_end_the_producer_at_the_third_time(
    table: Table, batch: Batch, log: logging.Logger
) -> None:
    check = PublishedCheck(log)
    for _ in range(2):
        with pytest.raises(MissingRowsError, match="Postgres has 10 rows of the batch, and 9 came to the topic"):
            check.check(table.connection, batch, BASE_ROWS - 1)
    assert check.check(table.connection, batch, BASE_ROWS) == BASE_ROWS
    for _ in range(2):
        with pytest.raises(MissingRowsError):
            check.check(table.connection, batch, BASE_ROWS - 1)
    with pytest.raises(ProgramError, match=r"3 times in a row.*The state has not moved"):
        check.check(table.connection, batch, BASE_ROWS - 1)
