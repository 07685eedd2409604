"""Counts in messages are in the right number."""

from __future__ import annotations

import pytest

from configs.wording import counted


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 order_ids"), (1, "1 order_id"), (2, "2 order_ids"), (-1, "-1 order_ids")]
)
def test_a_noun_follows_its_count(count: int, said: str) -> None:
    assert counted(count, "order_id") == said


def test_a_plural_of_its_own() -> None:
    assert counted(2, "batch", "batches") == "2 batches"
