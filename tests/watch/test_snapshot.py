"""Rates and lags, with times that are given."""

from __future__ import annotations

import pytest

from scripts.watch.snapshot import RATE_WINDOW, Batches, NoAnswer, Totals, flow, lags, recent


def totals(at: float, orders: int | None, published: int | None = None) -> Totals:
    return Totals(at, orders, published, None, None)


def test_a_rate_is_the_mean_over_the_window() -> None:
    found = flow([totals(100.0, 10), totals(101.0, 30), totals(104.0, 50)], lag=3)
    assert found.inserted == pytest.approx(10.0)
    assert found.published is None
    assert (found.at, found.lag) == (104.0, 3)


def test_what_was_before_the_window_does_not_count() -> None:
    history = [totals(0.0, 0), totals(1.0, 1000), totals(1.0 + RATE_WINDOW, 1000)]
    assert flow(recent(history), None).inserted == 0.0
    assert recent([*history, totals(0.5, 7)]) == [totals(0.0, 0), totals(0.5, 7)], "a clock that was put back"


def test_one_point_gives_no_rate() -> None:
    assert flow([totals(1.0, 5)], None).inserted is None
    assert flow([totals(1.0, 5), totals(1.0, 6)], None).inserted is None, "two at the same time, neither"


def test_a_gap_without_answers_is_passed_over() -> None:
    assert flow([totals(0.0, 0), totals(1.0, None), totals(2.0, 8)], None).inserted == 4.0
    assert flow([totals(0.0, 5), totals(1.0, None)], None).inserted is None


def test_a_table_that_was_emptied_has_no_negative_rate() -> None:
    assert flow([totals(0.0, 1000), totals(1.0, 0)], None).inserted == 0.0


def test_lag_by_partition() -> None:
    batches = Batches(3, 2, {0: 5, 1: 7})
    assert lags({0: 9, 1: 7, 2: 4}, batches) == {0: 4, 1: 0, 2: 4}
    assert lags(NoAnswer("silent"), batches) is None
    assert lags({0: 1}, NoAnswer("silent")) is None
