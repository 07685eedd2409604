"""What a round shows while it waits: one line that changes on a terminal, whole lines now and then elsewhere."""

from __future__ import annotations

import io

from scripts.rounds.progress import Waiting


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_a_whole_line_comes_when_it_is_due() -> None:
    stream = io.StringIO()
    waiting = Waiting("Round 1", stream, interval=0.0)
    waiting.show(lambda: "3 of 5 rows in the lake")
    waiting.done()
    assert stream.getvalue() == "Round 1: 3 of 5 rows in the lake (0 s)\n"


def test_before_a_line_is_due_nobody_is_asked() -> None:
    stream = io.StringIO()
    waiting = Waiting("Round 1", stream, interval=1000.0)
    waiting.show(lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    assert stream.getvalue() == ""


def test_on_a_terminal_the_line_is_written_over_and_taken_away() -> None:
    stream = Terminal()
    waiting = Waiting("Round 1", stream)
    waiting._shown -= 1
    waiting.show(lambda: "0 of 5 rows in the lake")
    waiting._shown -= 1
    waiting.show(lambda: "5 of 5")
    waiting.done()
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().endswith("\r")
