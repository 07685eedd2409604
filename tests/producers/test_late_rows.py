"""The look-back: what appears below the state is found once, and nothing else is published again."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from configs.contract import EPOCH, UTC
from producers import late_rows
from producers.late_rows import Look, LookBack
from tests.producers.conftest import Table

pytestmark = pytest.mark.services

STATE = datetime(2025, 12, 1, 12, 0, 0, tzinfo=UTC)


def before(seconds: float) -> datetime:
    """A moment so long before the state, as the column without zone has it."""
    return (STATE - timedelta(seconds=seconds)).replace(tzinfo=None)


class Poller:
    """A look-back and the table that it looks at, at a clock that is a minute after the state."""

    def __init__(self, table: Table, kept: Path, log: logging.Logger, start: datetime = EPOCH) -> None:
        self.table = table
        self.look_back = LookBack(60, start, kept, log)
        self.look_back.restore(STATE)

    def look(self, state: datetime = STATE, reached: datetime | None = None, clock: datetime | None = None) -> Look:
        clock = clock or STATE + timedelta(minutes=1)
        return self.look_back.look(self.table.connection, self.table.name, state, reached or state, clock)

    def poll(self, state: datetime = STATE, reached: datetime | None = None, clock: datetime | None = None) -> Look:
        """A poll that succeeds."""
        look = self.look(state, reached, clock)
        self.look_back.confirm(look)
        return look


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / ".state.seen"


@pytest.fixture
def poller(table: Table, kept: Path, log: logging.Logger) -> Poller:
    """One that has polled the base rows, which are far below the window."""
    poller = Poller(table, kept, log)
    assert poller.poll() == Look((), (), frozenset(), STATE - timedelta(seconds=60), STATE)
    return poller


def test_a_row_that_appears_below_the_state_is_found_once(poller: Poller, caplog: pytest.LogCaptureFixture) -> None:
    late = poller.table.insert(before(5))
    assert poller.poll().late == (late,)
    assert f"1 row appeared below the state, where no row should appear (order_id {late}); published" in caplog.text
    assert poller.poll().late == ()


def test_the_row_at_the_state_itself_is_found(poller: Poller) -> None:
    late = poller.table.insert(before(0))
    assert poller.poll().late == (late,)


def test_a_row_is_found_again_until_it_is_published(poller: Poller) -> None:
    late = poller.table.insert(before(5))
    assert poller.look().late == (late,)
    assert poller.look().late == (late,)


def test_rows_of_a_batch_are_known_afterwards(poller: Poller) -> None:
    reached = STATE + timedelta(seconds=10)
    poller.table.insert(before(-4))
    assert poller.poll(reached=reached).late == ()
    assert poller.poll(reached).late == ()


def test_of_a_batch_longer_than_the_window_only_its_end_is_remembered(poller: Poller) -> None:
    reached, clock = STATE + timedelta(minutes=10), STATE + timedelta(minutes=11)
    poller.table.insert(before(-30))
    end = poller.table.insert(before(-590))
    look = poller.poll(reached=reached, clock=clock)
    assert (look.late, look.known, look.floor) == ((), frozenset({end}), reached - timedelta(seconds=60))
    late = poller.table.insert(before(-591))
    assert poller.poll(reached, clock=clock).late == (late,)


def test_a_row_that_appears_between_look_and_read_is_published_again(poller: Poller) -> None:
    reached = STATE + timedelta(seconds=10)
    poller.table.insert(before(-4))
    look = poller.look(reached=reached)
    between = poller.table.insert(before(-6))
    poller.look_back.confirm(look)
    assert poller.poll(reached).late == (between,)


def test_after_a_clean_stop_nothing_is_repeated_and_new_rows_are_found(
    poller: Poller, kept: Path, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    poller.table.insert(before(5))
    poller.poll()
    poller.look_back.keep()
    meanwhile = poller.table.insert(before(7))
    caplog.clear()
    again = Poller(poller.table, kept, log)
    assert not kept.exists(), "after a crash it would be wrong"
    assert again.poll().late == (meanwhile,)
    assert "1 row appeared" in caplog.text


def test_after_a_crash_the_window_is_published_again_without_a_warning(
    poller: Poller, kept: Path, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    order_id = poller.table.insert(before(5))
    poller.poll()
    caplog.clear()
    again = Poller(poller.table, kept, log)
    assert again.poll().again == (order_id,)
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert again.poll().late == ()


def test_what_was_kept_for_another_state_is_ignored(poller: Poller, kept: Path, log: logging.Logger) -> None:
    order_id = poller.table.insert(before(5))
    poller.poll(reached=STATE + timedelta(seconds=1))
    poller.look_back.keep()
    assert Poller(poller.table, kept, log).poll().again == (order_id,)
    kept.write_text("{", encoding="utf-8")
    assert Poller(poller.table, kept, log).poll().again == (order_id,)


def test_more_late_rows_than_a_poll_may_publish(poller: Poller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_rows, "MAX_PUBLISHED", 2)
    ids = [poller.table.insert(before(second)) for second in (1, 2, 3)]
    first = poller.poll()
    second = poller.poll()
    assert (first.has_more, second.has_more) == (True, False)
    assert sorted(first.late + second.late) == ids
    assert poller.poll().late == ()


def test_rows_beyond_what_is_compared_are_not_taken_for_late(poller: Poller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_rows, "MAX_LOOK", 2)
    reached = STATE + timedelta(seconds=10)
    for second in (-1, -2, -3, -4):
        poller.table.insert(before(second))
    poller.poll(reached=reached)
    poller.table.execute(f"DELETE FROM {poller.table.name} WHERE created_at = '{before(-4)}'")
    assert poller.poll(reached).late == ()
    late = poller.table.insert(before(-5))
    assert poller.poll(reached).late == (late,)


def test_nothing_before_the_configured_start_is_published(table: Table, kept: Path, log: logging.Logger) -> None:
    table.insert(before(5))
    later = table.insert(before(1))
    assert Poller(table, kept, log, start=STATE - timedelta(seconds=2)).poll().late == (later,)


def test_rows_are_found_where_a_clock_that_was_set_back_puts_them(poller: Poller) -> None:
    clock = STATE - timedelta(hours=1)
    late = poller.table.insert((clock - timedelta(seconds=1)).replace(tzinfo=None))
    assert poller.poll(clock=clock).late == (late,)


def test_a_row_below_the_window_is_reported_with_the_remedy(
    poller: Poller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(late_rows, "OLDER_INTERVAL", 0)
    table = poller.table
    poller.look_back.report_older(table.connection, table.name, STATE)
    table.insert(before(5))  # found and published
    lost = table.insert(before(600))
    poller.poll()
    caplog.clear()
    poller.look_back.report_older(table.connection, table.name, STATE)
    assert f"1 row appeared more than cdc.lookback_sec (60 s) below the state (order_id {lost})" in caplog.text
    assert "NOT published" in caplog.text
    assert "such as 2025-12-01T11:49:59.999999Z" in caplog.text
    caplog.clear()
    poller.look_back.report_older(table.connection, table.name, STATE)
    assert not caplog.records, "it was reported"


def test_old_rows_above_the_state_are_published_and_not_reported(
    poller: Poller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(late_rows, "OLDER_INTERVAL", 0)
    table, reached = poller.table, STATE + timedelta(days=1)
    poller.look_back.report_older(table.connection, table.name, STATE)
    table.insert(before(-600))  # far below the next state, but above this one
    poller.poll(reached=reached)
    poller.poll(reached)
    poller.look_back.report_older(table.connection, table.name, reached)
    assert not caplog.records


def test_turned_off_it_finds_nothing(table: Table, kept: Path, log: logging.Logger) -> None:
    table.insert(before(5))
    look_back = LookBack(0, EPOCH, kept, log)
    look_back.restore(STATE)
    assert look_back.look(table.connection, table.name, STATE, STATE, STATE) == Look()
    look_back.keep()
    assert not kept.exists()
