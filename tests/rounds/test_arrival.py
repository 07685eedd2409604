"""When a round counts everything as arrived: with a state file, without one, and with one in another time zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import cast

import psycopg2.extensions
import pytest

from configs.contract import UTC
from configs.settings import Settings
from scripts.rounds import arrival
from scripts.rounds.arrival import Arrival, zone_shift

NEWEST = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Pipeline:
    """What a round sees of a pipeline; each part can be set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state: str | None = None
        self.lake = {15}
        self.committed = {0: 15}
        self.ends: dict[int, int] | None = {0: 15}
        self.is_settled = False
        position = SimpleNamespace(
            newest_created_at=lambda *_: NEWEST,
            state_text=lambda _: self.state,
            is_settled=lambda *_, **__: self.is_settled,
            lake_ids=lambda _: self.lake,
            committed_ends=lambda _: self.committed,
        )
        monkeypatch.setattr(arrival, "position", position)
        monkeypatch.setattr(arrival, "newest_clean_order", lambda *_: 15)
        monkeypatch.setattr(arrival, "topic_ends", lambda _: self.ends)
        monkeypatch.setattr(arrival, "STATELESS_PATIENCE", 0.0)
        self.arrival = Arrival(cast(Settings, None), cast(psycopg2.extensions.connection, None), "orders")

    def __call__(self) -> bool:
        return self.arrival.is_settled(with_quarantine=False)


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    return Pipeline(monkeypatch)


def test_a_state_file_is_waited_for_where_there_is_one(pipeline: Pipeline) -> None:
    pipeline.state = "2026-01-01"
    assert not pipeline()
    pipeline.is_settled = True
    assert pipeline()
    assert pipeline.arrival.keeps_state


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
