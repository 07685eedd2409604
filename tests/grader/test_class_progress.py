"""What a class run shows while it runs."""

from __future__ import annotations

import io

import pytest

from grader.class_run.progress import Progress, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_file_gets_a_line_every_ten_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(300, stream, clock)
    for second in range(25):
        clock.seconds = second
        for verdict in ("pass", "pass", "fail"):
            progress.add(verdict)
        progress.show()
    progress.done()
    assert stream.getvalue().splitlines() == [
        "33 of 300 graded (22 pass, 11 fail), 198 a minute, 81 s left",
        "63 of 300 graded (42 pass, 21 fail), 189 a minute, 75 s left",
        "75 of 300 graded (50 pass, 25 fail), 188 a minute, 72 s left",
    ]


def test_a_terminal_gets_one_line_that_changes_and_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream, clock = Terminal(), Clock()
    progress = Progress(3, stream, clock)
    for _ in range(3):
        clock.seconds += 1
        progress.add("pass")
        progress.show()
    assert stream.getvalue().count("\n") == 0
    assert all(len(line) < 40 for line in stream.getvalue().split("\r"))
    progress.done()
    assert stream.getvalue().endswith("\r3 of 3 graded (3 pass), 60 a minute\n")


def test_before_the_first_result_there_is_no_rate() -> None:
    assert Progress(3, io.StringIO(), Clock()).line() == "0 of 3 graded"


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (99, "99 s"), (720, "12 min"), (7500, "2 h 5 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
