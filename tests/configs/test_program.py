"""What the programs report of failures in a row."""

from __future__ import annotations

from configs.program import Backoff


def test_an_error_that_repeats_word_for_word_is_not_called_harmless_for_ever() -> None:
    backoff = Backoff()
    lines = [backoff.report("the poll", OSError("no route"), 1) for _ in range(3)]
    assert [("nothing is lost" in line) for line in lines] == [True, True, False]
    assert "3 times in the same way: no route" in lines[2]
    assert "make status" in lines[2]


def test_another_error_or_a_success_begins_again() -> None:
    backoff = Backoff()
    for _ in range(2):
        backoff.report("the poll", OSError("no route"), 1)
    assert "nothing is lost" in backoff.report("the poll", OSError("refused"), 1)
    backoff.next_pause()
    assert backoff.reset()
    assert not backoff.reset()
    assert "nothing is lost" in backoff.report("the poll", OSError("refused"), 1)
