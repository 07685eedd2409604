"""What a round shows while it waits: a line that changes on a terminal, and elsewhere a line every ten seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

INTERVAL = 10.0  # seconds between two lines that are not on a terminal


class Waiting:
    """Shows how far something has come. `status` is asked only when a line is due."""

    def __init__(self, what: str, stream: TextIO | None = None, interval: float = INTERVAL) -> None:
        self._what = what
        self._stream = stream or sys.stdout
        self._interval = interval
        self._begun = self._shown = time.monotonic()
        self._width = 0

    def show(self, status: Callable[[], str]) -> None:
        """To be called again and again while waiting."""
        now = time.monotonic()
        due = 0.5 if self._stream.isatty() else self._interval
        if now - self._shown < due:
            return
        self._shown = now
        line = f"{self._what}: {status()} ({now - self._begun:.0f} s)"
        if self._stream.isatty():
            self._stream.write(f"\r{line:<{self._width}}")
            self._width = len(line)
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def done(self) -> None:
        """Take the changing line away."""
        if self._width:
            self._stream.write(f"\r{'':<{self._width}}\r")
            self._stream.flush()
            self._width = 0
