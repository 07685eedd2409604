"""A round that times out says where its rows are."""

from __future__ import annotations

from datetime import datetime, timedelta

from configs.contract import UTC
from scripts.rounds.where_rows_are import Journey, explain, explain_state, locate


def test_each_row_is_placed_by_the_furthest_sign_of_it() -> None:
    journey = locate(
        range(1, 6),
        on_topic={2: (0, 8), 3: (0, 5), 4: (0, 4), 5: (1, 0)},
        planned={0: 8, 1: 1},
        committed={0: 5, 1: 1},
        in_lake=frozenset({5}),
    )
    assert journey == Journey(in_postgres=(1,), published=(2,), in_unfinished_batch=(3,), rejected=(4,), in_lake=(5,))


def test_a_row_in_the_lake_is_there_whatever_else_is_known() -> None:
    journey = locate([1], on_topic={}, planned={}, committed={}, in_lake=frozenset({1}))
    assert journey.in_lake == (1,)


def test_the_explanation_names_the_rows_and_what_to_look_at() -> None:
    text = explain(Journey((1, 2), (), (3,), (), (4,)), state=None, logs="/x/logs")
    assert "order_id 1, 2: still in Postgres" in text
    assert "/x/logs/producer.log" in text
    assert "order_id 3: in a batch that the consumer has begun" in text
    assert "order_id 4" not in text


def test_a_state_in_another_time_zone_is_named_with_its_hours() -> None:
    journey = Journey((1,), (), (), (), ())
    ahead = explain(journey, state="x", shift=timedelta(hours=5, minutes=30), logs="/x")
    assert "5 h 30 min ahead of the newest row" in ahead
    assert "as UTC" in ahead
    assert "behind" in explain(journey, state="x", shift=timedelta(hours=-5), logs="/x")


NEWEST = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_state_that_is_wrong_is_quoted_with_what_is_wrong() -> None:
    behind = explain_state("2026-01-01", NEWEST - timedelta(minutes=7), NEWEST, None)
    assert "2026-01-01" in behind
    assert "2026-01-02T03:04:05" in behind
    assert "no timestamp" in explain_state("1767323045000", None, NEWEST, None)
    assert "5 h 0 min behind the newest row" in explain_state("x", NEWEST, NEWEST, timedelta(hours=-5))
