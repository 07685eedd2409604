"""What holds the horizon back: every transaction that can still add a row, also one that no session has."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg2.extensions
import pytest
from psycopg2 import errors

from configs.contract import UTC
from producers.horizon import Horizon, Margins, take_horizon
from producers.horizon_report import HorizonReport
from producers.prepared_transactions import PreparedTransactions
from scripts.services.processes import wait_until
from tests.producers.conftest import Table

pytestmark = pytest.mark.services

STATE = datetime(2025, 12, 1, tzinfo=UTC)
MARGINS = Margins(usual=0.05, hidden=5.0)
GID = "order's gid"
QUOTED_GID = GID.replace("'", "''")


@pytest.fixture
def preparing(table: Table) -> Iterator[psycopg2.extensions.connection]:
    """A session in a transaction that has inserted nothing yet; what it prepares is rolled back at the end."""
    with table.connect() as connection:
        connection.autocommit = False
        with connection.cursor() as cursor:
            cursor.execute("SELECT now()")
        yield connection
    try:
        table.execute(f"ROLLBACK PREPARED '{QUOTED_GID}'")
    except errors.UndefinedObject:
        return


def prepare(connection: psycopg2.extensions.connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PREPARE TRANSACTION '{QUOTED_GID}'")


def test_an_open_transaction_holds_the_horizon(table: Table, preparing: psycopg2.extensions.connection) -> None:
    horizon = take_horizon(table.connection, MARGINS)
    assert horizon.holder is not None
    assert horizon.holder.pid == preparing.get_backend_pid()
    assert horizon.limit < horizon.clock - timedelta(seconds=MARGINS.usual)


def test_a_prepared_transaction_holds_the_horizon_of_the_poll_before(
    table: Table, preparing: psycopg2.extensions.connection
) -> None:
    with preparing.cursor() as cursor:
        cursor.execute("SELECT now()")
        (began,) = cursor.fetchone() or (STATE,)
    prepared = PreparedTransactions()
    first = take_horizon(table.connection, MARGINS)
    assert prepared.take(table.connection, first, STATE) is None
    prepare(preparing)
    # No session holds it any more.
    assert wait_until(lambda: take_horizon(table.connection, MARGINS).limit > began, timeout=10)
    for _ in range(2):
        later = take_horizon(table.connection, MARGINS)
        found = prepared.take(table.connection, later, STATE)
        assert found is not None
        assert (found.gid, found.limit) == (GID, first.limit)
        assert found.limit < began
    table.execute(f"COMMIT PREPARED '{QUOTED_GID}'")
    assert prepared.take(table.connection, take_horizon(table.connection, MARGINS), STATE) is None


def test_one_that_was_prepared_before_the_start_stops_all_reading(
    table: Table, preparing: psycopg2.extensions.connection, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    prepare(preparing)
    prepared, horizon = PreparedTransactions(), take_horizon(table.connection, MARGINS)
    found = prepared.take(table.connection, horizon, STATE)
    assert found is not None
    assert found.limit == STATE
    report = HorizonReport(MARGINS.hidden, log)
    report.check(horizon, found, STATE)
    assert not caplog.records, "it is young"
    old = type(found)(found.gid, 11.0, found.limit)
    report.check(horizon, old, STATE)
    report.check(horizon, old, STATE)
    assert len(caplog.records) == 1
    assert f"COMMIT PREPARED '{QUOTED_GID}' or ROLLBACK PREPARED '{QUOTED_GID}'" in caplog.text


def test_a_session_that_hides_its_transactions_brings_the_fallback_lag(
    table: Table, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    with table.connect() as other:
        with other.cursor() as cursor:
            cursor.execute("SET track_activities = off")
        other.autocommit = False
        with other.cursor() as cursor:
            cursor.execute("SELECT now()")
        horizon = take_horizon(table.connection, MARGINS)
        assert horizon.hidden_pid == other.get_backend_pid()
        assert horizon.clock - horizon.limit == timedelta(seconds=MARGINS.hidden)
        HorizonReport(MARGINS.hidden, log).check(horizon, None, STATE)
        assert f"session pid {horizon.hidden_pid} has track_activities off" in caplog.text


def test_the_margin_covers_what_the_type_rounds(table: Table) -> None:
    horizon = take_horizon(table.connection, Margins(0.05, 5.0, rounding=0.5))
    assert horizon.clock - horizon.limit == timedelta(seconds=0.55)


def test_a_clock_behind_the_state_is_reported(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    horizon = Horizon(STATE, None, STATE, is_standby=False, hidden_pid=None)
    report = HorizonReport(5.0, log)
    report.check(horizon, None, STATE)
    assert not caplog.records
    for _ in range(2):
        report.check(horizon, None, STATE + timedelta(hours=1))
    assert len(caplog.records) == 1
    assert "2025-12-01T00:00:00.000000Z there, and the state is 2025-12-01T01:00:00.000000Z" in caplog.text
