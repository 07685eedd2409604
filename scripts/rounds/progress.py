"""What a round shows while it waits: a line that changes on a terminal, and elsewhere a line every ten seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

INTERVAL = 10.0  # seconds between two lines
TERMINAL_INTERVAL = 0.5


class Waiting:
    """Shows how far something has come. `status` is asked only when a line is due.

    Whole lines go to `on_line`. Where that is print and stdout is a terminal, one line changes instead.
    """

    def __init__(self, what: str, on_line: Callable[[str], None] = print, terminal: TextIO | None = None) -> None:
        self._what = what
        self._on_line = on_line
        self._terminal = terminal or (sys.stdout if on_line is print and sys.stdout.isatty() else None)
        self._interval = INTERVAL if self._terminal is None else TERMINAL_INTERVAL
        self._begun = self._shown = time.monotonic()
        self._width = 0

    def show(self, status: Callable[[], str]) -> None:
        """To be called again and again while waiting."""
        now = time.monotonic()
        if now - self._shown < self._interval:
            return
        self._shown = now
        line = f"{self._what}: {status()} ({now - self._begun:.0f} s)"
        if self._terminal is None:
            self._on_line(line)
            return
        self._terminal.write(f"\r{line:<{self._width}}")
        self._terminal.flush()
        self._width = len(line)

    def done(self) -> None:
        """Take the changing line away."""
        if self._terminal is not None and self._width:
            self._terminal.write(f"\r{'':<{self._width}}\r")
            self._terminal.flush()
        self._width = 0
        self._begun = self._shown = time.monotonic()
