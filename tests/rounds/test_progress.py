"""What a round shows while it waits: one line that changes on a terminal, whole lines now and then elsewhere."""

from __future__ import annotations

import io

import pytest

from scripts.rounds import progress
from scripts.rounds.progress import Waiting


def test_elsewhere_a_whole_line_comes_when_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    lines: list[str] = []
    waiting = Waiting("Round 1", lines.append)
    waiting.show(lambda: "3 of 5 rows in the lake")
    waiting.done()
    assert lines == ["Round 1: 3 of 5 rows in the lake (0 s)"]


def test_before_a_line_is_due_the_status_is_not_asked() -> None:
    lines: list[str] = []
    Waiting("Round 1", lines.append).show(lambda: pytest.fail("it was asked"))
    assert lines == []


def test_on_a_terminal_the_line_is_written_over_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "TERMINAL_INTERVAL", 0.0)
    terminal = io.StringIO()
    waiting = Waiting("Round 1", terminal=terminal)
    waiting.show(lambda: "0 of 5 rows in the lake")
    waiting.show(lambda: "5 of 5")
    waiting.done()
    assert "\n" not in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")
    assert terminal.getvalue().count("Round 1") == 2
