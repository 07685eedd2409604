"""When a round counts everything as arrived: with a state file, without one, and with one that is wrong or never moves.

And when it knows that rows will never arrive.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import cast

import psycopg2.extensions
import pytest

from configs.contract import UTC, OrderRow, format_timestamp
from configs.settings import Settings
from scripts.rounds import arrival
from scripts.rounds.arrival import Arrival, NeverRead, state_patience, zone_shift

NEWEST = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Pipeline:
    """What a round sees of a pipeline; each part can be set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state: str | None = None
        self.lake = {15}
        self.committed = {0: 15}
        self.ends: dict[int, int] | None = {0: 15}
        self.reached: datetime | None = NEWEST - timedelta(hours=1)
        self.is_read = True
        self.on_topic: set[int] = set()
        self.intervals = (2.0, 0.2)
        position = SimpleNamespace(
            newest_created_at=lambda *_: NEWEST,
            state_text=lambda _: self.state,
            reached=lambda _: self.reached,
            is_published=lambda *_: self.reached is not None and self.reached >= NEWEST,
            is_read=lambda *_, **__: self.is_read,
            lake_ids=lambda _: self.lake,
            committed_ends=lambda _: self.committed,
        )
        monkeypatch.setattr(arrival, "position", position)
        monkeypatch.setattr(arrival, "newest_clean_order", lambda *_: 15)
        monkeypatch.setattr(arrival, "topic_ends", lambda _: self.ends)
        monkeypatch.setattr(arrival, "find_on_topic", lambda *_: dict.fromkeys(self.on_topic, (0, 1)))
        self.now = 100.0
        monkeypatch.setattr(arrival, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(arrival, "STATELESS_PATIENCE", 0.0)
        self.arrival = Arrival(self.settings, cast(psycopg2.extensions.connection, None), "orders")

    @property
    def settings(self) -> Settings:
        poll, batch = self.intervals
        cdc, streaming = SimpleNamespace(poll_interval_sec=poll), SimpleNamespace(batch_interval=batch)
        return cast(Settings, SimpleNamespace(cdc=cdc, streaming=streaming, kafka=None))

    def after(self, seconds: float) -> bool:
        self.now += seconds
        return self()

    def __call__(self) -> bool:
        return self.arrival.is_settled(with_quarantine=False)


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    return Pipeline(monkeypatch)


def test_a_state_file_is_waited_for_where_there_is_one(pipeline: Pipeline) -> None:
    pipeline.state = "2026-01-01"
    assert not pipeline()
    pipeline.reached = NEWEST
    assert pipeline()
    assert pipeline.arrival.keeps_state
    assert not pipeline.arrival.is_state_behind


def test_what_is_not_read_yet_is_waited_for_also_with_a_state_at_the_newest_row(pipeline: Pipeline) -> None:
    pipeline.state, pipeline.reached, pipeline.is_read = "2026-01-01", NEWEST, False
    assert not pipeline()
    assert not pipeline.after(1000)


@pytest.mark.parametrize("reached", [NEWEST - timedelta(hours=5), None], ids=["behind", "no timestamp"])
def test_a_state_that_does_not_move_is_not_waited_for_to_the_end(pipeline: Pipeline, reached: datetime | None) -> None:
    pipeline.state, pipeline.reached = "2026-01-01", reached
    assert not pipeline()
    assert not pipeline.after(arrival.STATE_PATIENCE - 1)
    assert pipeline.after(2)
    assert pipeline.arrival.is_state_behind


def test_its_time_begins_when_the_newest_row_is_in_the_lake(pipeline: Pipeline) -> None:
    pipeline.state, pipeline.lake = "2026-01-01", {14}
    assert not pipeline()
    assert not pipeline.after(1000)
    pipeline.lake = {14, 15}
    assert not pipeline()
    assert not pipeline.after(arrival.STATE_PATIENCE - 1)
    assert pipeline.after(2)


def test_its_time_begins_again_when_it_moves_and_not_when_it_is_away_for_a_moment(pipeline: Pipeline) -> None:
    pipeline.state = "2026-01-01"
    assert not pipeline()
    pipeline.state = "2026-01-02"
    assert not pipeline.after(arrival.STATE_PATIENCE - 1)
    pipeline.state = None
    assert not pipeline.after(arrival.STATE_PATIENCE - 1)
    pipeline.state = "2026-01-02"
    assert pipeline.after(2)


def test_what_is_on_the_topic_is_read_before_a_state_counts_as_behind(pipeline: Pipeline) -> None:
    pipeline.state, pipeline.committed = "2026-01-01", {0: 14}
    assert not pipeline()
    assert not pipeline.after(1000)
    assert not pipeline.arrival.is_state_behind


def test_a_state_that_moves_after_all_is_no_longer_behind(pipeline: Pipeline) -> None:
    pipeline.state = "2026-01-01"
    pipeline()
    assert pipeline.after(arrival.STATE_PATIENCE + 1)
    pipeline.reached = NEWEST
    assert pipeline()
    assert not pipeline.arrival.is_state_behind


@pytest.mark.parametrize("intervals", [(60.0, 1.0), (2.0, 60.0)])
def test_a_program_that_polls_seldom_gets_more_time(pipeline: Pipeline, intervals: tuple[float, float]) -> None:
    pipeline.intervals = intervals
    assert state_patience(pipeline.settings) >= 3 * 60


def row(order_id: int, created_at: datetime) -> OrderRow:
    text = dict.fromkeys(("customer_name", "restaurant_name", "item", "amount", "order_status"), "")
    return OrderRow(order_id=order_id, created_at=format_timestamp(created_at), **text)


class TestNeverRead:
    @pytest.fixture
    def rows(self) -> list[OrderRow]:
        return [row(16, NEWEST + timedelta(seconds=1)), row(17, NEWEST + timedelta(seconds=2))]

    def test_rows_below_a_state_in_local_time_are_never_read(self, pipeline: Pipeline, rows: list[OrderRow]) -> None:
        pipeline.reached = NEWEST + timedelta(hours=5, minutes=30)
        never_read = NeverRead(pipeline.settings, rows, {0: 15})
        assert not never_read({16, 17})
        pipeline.now += arrival.STATE_PATIENCE - 1
        assert not never_read({16, 17})
        pipeline.now += 2
        assert never_read({16, 17})

    @pytest.mark.parametrize("reached", [NEWEST + timedelta(seconds=1), None], ids=["below one of them", "none"])
    def test_rows_above_the_state_are_waited_for(
        self, pipeline: Pipeline, rows: list[OrderRow], reached: datetime | None
    ) -> None:
        pipeline.reached = reached
        never_read = NeverRead(pipeline.settings, rows, {0: 15})
        for _ in range(3):
            assert not never_read({16, 17})
            pipeline.now += 1000

    def test_rows_on_the_topic_are_waited_for(self, pipeline: Pipeline, rows: list[OrderRow]) -> None:
        pipeline.reached, pipeline.on_topic = NEWEST + timedelta(hours=1), {16}
        never_read = NeverRead(pipeline.settings, rows, {0: 15})
        for _ in range(3):
            assert not never_read({16, 17})
            pipeline.now += 1000

    def test_nothing_is_known_while_kafka_is_down(self, pipeline: Pipeline, rows: list[OrderRow]) -> None:
        pipeline.reached, pipeline.ends = NEWEST + timedelta(hours=1), None
        never_read = NeverRead(pipeline.settings, rows, {0: 15})
        for _ in range(3):
            assert not never_read({16, 17})
            pipeline.now += 1000

    def test_the_time_begins_again_with_a_state_that_moves_or_a_row_that_arrives(
        self, pipeline: Pipeline, rows: list[OrderRow]
    ) -> None:
        never_read = NeverRead(pipeline.settings, rows, {0: 15})
        pipeline.reached = NEWEST + timedelta(hours=1)
        assert not never_read({16, 17})
        pipeline.now += arrival.STATE_PATIENCE - 1
        pipeline.reached = NEWEST + timedelta(hours=2)
        assert not never_read({16, 17})
        pipeline.now += arrival.STATE_PATIENCE - 1
        assert not never_read({17})
        pipeline.now += arrival.STATE_PATIENCE - 1
        assert not never_read({17})
        pipeline.now += 2
        assert never_read({17})


def test_a_producer_without_a_state_file_has_arrived_with_its_newest_row(pipeline: Pipeline) -> None:
    pipeline.lake = {14}
    assert not pipeline()
    pipeline.lake = {14, 15}
    assert pipeline()
    assert pipeline.arrival.keeps_state is False


def test_a_missing_state_file_is_waited_for_before_the_producer_counts_as_one_without(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival, "STATELESS_PATIENCE", 60.0)
    assert not pipeline()
    assert pipeline.arrival.keeps_state is None


def test_a_state_file_that_is_away_for_a_moment_is_waited_for(pipeline: Pipeline) -> None:
    pipeline.state = "2026-01-01"
    pipeline()
    pipeline.state = None
    assert not pipeline()


def test_what_was_on_the_topic_is_read_first_and_not_what_comes_after(pipeline: Pipeline) -> None:
    pipeline.committed = {0: 14}
    assert not pipeline()
    pipeline.ends, pipeline.committed = {0: 30}, {0: 15}  # the whole table was published again
    assert pipeline()


def test_a_lake_without_a_checkpoint_is_enough(pipeline: Pipeline) -> None:
    pipeline.committed = {}
    assert pipeline()


def test_nothing_has_arrived_while_kafka_is_down(pipeline: Pipeline) -> None:
    pipeline.ends = None
    assert not pipeline()


@pytest.mark.parametrize(
    ("off", "shift"),
    [
        (timedelta(hours=5, minutes=30), timedelta(hours=5, minutes=30)),
        (timedelta(hours=-5, milliseconds=3), timedelta(hours=-5)),
        (timedelta(0), None),
        (timedelta(hours=5, minutes=31), None),
        (timedelta(days=400), None),
    ],
)
def test_a_whole_quarter_of_an_hour_is_a_time_zone(off: timedelta, shift: timedelta | None) -> None:
    assert zone_shift(NEWEST + off, NEWEST) == shift
    assert zone_shift(None, NEWEST) is None
