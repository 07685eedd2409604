"""What a batch has read and rejected, also where an executor was lost and messages were counted twice."""

from __future__ import annotations

from typing import Any

import pytest

from consumers.message_counts import MessageCounts, count_messages


def progress(read: int, *, wrote: int, repeats: int = 0, too_old: int = 0) -> dict[str, Any]:
    store = {
        "numRowsUpdated": wrote,
        "numRowsDroppedByWatermark": too_old,
        "customMetrics": {"numDroppedDuplicateRows": repeats},
    }
    return {"numInputRows": read, "stateOperators": [store]}


def test_counts_that_add_up_are_as_spark_says() -> None:
    counts = count_messages(progress(10, wrote=5, repeats=2, too_old=1), rejected=2, offsets=10)
    assert counts == MessageCounts(10, wrote=5, repeats=2, too_old=1, rejected=2, are_exact=True)


def test_the_end_of_a_transaction_has_an_offset_and_is_no_message() -> None:
    assert count_messages(progress(10, wrote=10), rejected=0, offsets=11).are_exact


@pytest.mark.parametrize(
    ("read", "rejected"),
    [
        (15, 0),  # one of several tasks with accepted messages ran again
        (12, 2),  # one with rejected ones only: the sums agree, but there are not so many offsets
    ],
)
def test_messages_that_were_counted_twice_are_not_reported_twice(read: int, rejected: int) -> None:
    counts = count_messages(progress(read, wrote=10), rejected=rejected, offsets=10)
    assert not counts.are_exact
    assert (counts.read, counts.wrote, counts.rejected) == (10, 10, 0)


def test_rejected_messages_that_may_have_been_counted_twice_are_limited_by_the_offsets() -> None:
    counts = count_messages(progress(20, wrote=7), rejected=6, offsets=10)
    assert not counts.are_exact
    assert (counts.read, counts.rejected) == (10, 3)
    counts = count_messages(progress(20, wrote=7), rejected=1, offsets=10)
    assert (counts.read, counts.rejected) == (8, 1)
