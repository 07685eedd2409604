"""A part that is slow or fails: the others go on, its place says so, and it comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from scripts.services.processes import wait_until
from scripts.watch import part
from scripts.watch.part import MAX_SHARE, PATIENCE, Part
from scripts.watch.snapshot import NoAnswer


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """While it is closed, a read hangs."""
    event = threading.Event()
    yield event
    event.set()


class Clock(SimpleNamespace):
    """A monotonic clock that is set by hand."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(part, "time", clock)
    return clock


def test_a_value_is_there_at_once() -> None:
    one = Part(lambda: 7, "silent")
    one.begin()
    assert one.answer(time.monotonic() + 30) == 7


def test_a_part_that_hangs_keeps_its_value_for_a_while_and_then_says_so(gate: threading.Event, clock: Clock) -> None:
    values = iter((1, 2))

    def read() -> int:
        value = next(values)
        if value == 2:
            gate.wait()
        return value

    one = Part(read, "silent")
    one.begin()
    assert one.answer(clock.now + 30) == 1
    clock.now += 60
    one.begin()
    assert one.answer(clock.now) == 1
    clock.now += PATIENCE + 1
    one.begin()
    assert one.answer(clock.now) == NoAnswer("silent"), "and it is not read a second time meanwhile"
    gate.set()
    assert wait_until(lambda: not one.is_reading, timeout=30)
    assert one.answer(clock.now) == 2


def test_before_its_first_answer_a_part_is_silent(gate: threading.Event) -> None:
    one = Part(gate.wait, "silent")
    one.begin()
    assert one.answer(0.0) == NoAnswer("silent")


def test_an_error_is_the_answer_until_it_is_gone() -> None:
    answers: list[Exception | int] = [ValueError("first line\nsecond"), ZeroDivisionError(), 5]

    def read() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    one = Part(read, "silent")
    seen = []
    for _ in range(3):
        one.begin()
        seen.append(one.answer(time.monotonic() + 30))
    assert seen == [NoAnswer("first line"), NoAnswer("ZeroDivisionError"), 5]


def test_a_part_that_takes_long_is_read_seldom(clock: Clock) -> None:
    reads = []

    def read() -> int:
        clock.now += 2.0  # seconds of work
        reads.append(clock.now)
        return len(reads)

    one = Part(read, "silent")

    def again() -> None:
        one.begin()
        assert wait_until(lambda: not one.is_reading, timeout=30)

    again()
    clock.now += 2.0 / MAX_SHARE - 3.0
    again()
    assert len(reads) == 1
    clock.now += 2.0
    again()
    assert len(reads) == 2
