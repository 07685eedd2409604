"""Rows whose created_at the producer never reaches are counted and named, whatever the value is."""

from __future__ import annotations

import logging
from datetime import datetime

import pytest

from configs.contract import UTC
from configs.orders_table import future_orders
from producers.unreadable_rows import UnreadableReport
from tests.producers.conftest import Table

pytestmark = pytest.mark.services

NEVER_READ = {
    "is NULL": None,
    "is infinity": "infinity",
    "is -infinity": "-infinity",
    "is after the year 9999": "20250-11-18 10:00:00",
    "is not after 1970-01-01T00:00:00Z": "0044-03-15 12:00:00 BC",
}


@pytest.mark.parametrize("column", ["timestamp", "timestamptz", "timestamp(0)"])
def test_each_kind_is_reported_with_an_order_id(
    table: Table, column: str, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    table.execute(f"ALTER TABLE {table.name} ALTER COLUMN created_at DROP NOT NULL")
    table.execute(f"ALTER TABLE {table.name} ALTER COLUMN created_at TYPE {column}")
    ids = {kind: table.insert(value) for kind, value in NEVER_READ.items()}
    report = UnreadableReport(None, log)
    report.check(table.connection, table.name)
    for kind, order_id in ids.items():
        assert f"1 row of {table.name} (order_id {order_id}): created_at {kind}." in caplog.text
    assert len(caplog.records) == len(ids)
    caplog.clear()
    report.check(table.connection, table.name)
    assert not caplog.records, "nothing has changed"
    table.insert(None)
    report.check(table.connection, table.name)
    assert [record.getMessage().split(" of ")[0] for record in caplog.records] == ["2 rows"]


def test_rows_that_are_read_are_not_reported(
    table: Table, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    for moment in ("1970-01-01 00:00:00.000001", "9999-12-31 23:59:59.999999", "2038-01-19 03:14:08"):
        table.insert(moment)
    UnreadableReport(None, log).check(table.connection, table.name)
    assert not caplog.records


def test_rows_before_the_configured_start_are_reported(
    table: Table, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    start = datetime(2025, 11, 19, tzinfo=UTC)
    UnreadableReport(start, log).check(table.connection, table.name)
    assert "8 rows of" in caplog.text
    assert "cdc.default_start_timestamp" in caplog.text


def test_a_year_that_a_datetime_cannot_hold_is_an_order_of_the_future(table: Table) -> None:
    order_id = table.insert("20250-11-18 10:00:00")
    future = future_orders(table.connection, table.name)
    assert future is not None
    assert (future.rows, future.last_order_id) == (1, order_id)
    assert future.last_created_at == "20250-11-18 10:00:00"
