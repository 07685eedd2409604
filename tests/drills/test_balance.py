"""The account of a drill: each way in which it can be wrong is seen, and counted as what it is."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.drills.balance import Balance, Message, Values, balance

A: Values = ("Asha", 5.0)
B: Values = ("Bilal", 6.0)


def account(**changes: Any) -> Balance:
    """Rows 11 and 12, published and in the lake, after a drill that left row 1; with `changes`."""
    evidence: dict[str, Any] = {
        "good": {11: A, 12: B},
        "passed_by_state": [11, 12],
        "messages": [Message((0, 0), 11), Message((1, 0), 12)],
        "published_before": {1},
        "lake": [(11, A), (12, B)],
        "in_lake_before": {1},
        "quarantine": [],
    }
    return balance(**{**evidence, **changes})


def test_all_rows_once_is_clean() -> None:
    found = account()
    assert found.is_clean
    assert (found.rows, found.messages, found.in_lake) == (2, 2, 2)


def test_repeats_that_were_removed_and_rejects_that_were_kept_are_clean() -> None:
    messages = [
        Message((0, 0), 11),
        Message((0, 1), 11),
        Message((1, 0), 12),
        Message((1, 1), None),
        Message((2, 0), 1),
    ]
    found = account(messages=messages, quarantine=[(1, 1)])
    assert found.is_clean
    assert (found.messages, found.in_lake, found.in_quarantine, found.repeats_removed) == (5, 2, 1, 2)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"lake": [(11, A)], "quarantine": [(1, 0)]}, {"lost": 1}),
        ({"lake": [(11, A)]}, {"lost": 1, "unaccounted": 1}),
        (
            {"messages": [Message((0, 0), 11)], "lake": [(11, A)]},
            {"lost": 1, "state_ahead": 1},
        ),
        ({"messages": [Message((0, 0), 11)]}, {"state_ahead": 1, "unaccounted": 1}),
        ({"lake": [(11, A), (12, B), (12, B)]}, {"repeated": 1}),
        ({"lake": [(11, A), (12, B), (1, A)]}, {"repeated": 1, "unaccounted": 1}),
        ({"lake": [(11, A), (12, A)]}, {"altered": 1}),
        ({"good": {11: A}}, {"unexpected": 1}),
        ({"lake": [(11, A), (12, B), (None, A)]}, {"unexpected": 1, "unaccounted": 1}),
        ({"messages": [Message((0, 0), 11), Message((1, 0), 12), Message((2, 0), None)]}, {"unaccounted": 1}),
        ({"quarantine": [(2, 7)]}, {"unaccounted": 1}),
        (
            {
                "messages": [Message((0, 0), 11), Message((1, 0), 12), Message((2, 0), None)],
                "quarantine": [(2, 0), (2, 0)],
            },
            {"unaccounted": 1},
        ),
    ],
    ids=[
        "a good row in the quarantine",
        "a message that vanished",
        "a row that the state has passed",
        "a row in the lake that was never published",
        "a row twice",
        "a row of before again",
        "another value",
        "a row that is not good",
        "a row without an id",
        "a reject that is not in the quarantine",
        "a quarantined message that is not on the topic",
        "a message quarantined twice",
    ],
)
def test_what_is_wrong_is_counted_as_what_it_is(changes: dict[str, Any], wrong: dict[str, int]) -> None:
    found = account(**changes)
    assert not found.is_clean
    kinds = ("lost", "repeated", "altered", "unexpected", "unaccounted", "state_ahead")
    assert {kind: getattr(found, kind) for kind in kinds if getattr(found, kind)} == wrong


def test_the_ids_are_named() -> None:
    found = account(lake=[(11, A), (11, A), (13, B)])
    assert (found.lost_ids, found.repeated_ids, found.unexpected_ids) == ((12,), (11,), (13,))
