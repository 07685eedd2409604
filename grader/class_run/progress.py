"""How far a class run is: a line that changes on a terminal, and elsewhere a line every ten seconds."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable
from typing import TextIO

INTERVAL = 10.0  # seconds between two lines
TERMINAL_INTERVAL = 0.2


class Progress:
    """Counts results, and shows them in time. `total` is how many are to be graded now, without those kept from before.

    `clock` gives seconds.
    """

    def __init__(self, total: int, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._stream = stream
        self._clock = clock
        self._is_terminal = stream.isatty()
        self._begun = self._shown = clock()
        self._verdicts: Counter[str] = Counter()
        self._width = 0

    def add(self, verdict: str) -> None:
        self._verdicts[verdict] += 1

    def show(self) -> None:
        """To be called again and again: writes when a line is due."""
        now = self._clock()
        if now - self._shown < (TERMINAL_INTERVAL if self._is_terminal else INTERVAL):
            return
        self._shown = now
        if not self._is_terminal:
            self._stream.write(f"{self.line()}\n")
        else:
            text = self.line()[: shutil.get_terminal_size().columns - 1]
            self._stream.write(f"\r{text:<{self._width}}")
            self._width = len(text)
        self._stream.flush()

    def line(self) -> str:
        """Counts, rate and the time that is left: 120 of 300 graded (80 pass, 40 fail), 1500 a minute, 8 s left."""
        done, seconds = self._verdicts.total(), self._clock() - self._begun
        parts = ", ".join(f"{self._verdicts[verdict]} {verdict}" for verdict in sorted(self._verdicts, reverse=True))
        line = f"{done} of {self._total} graded" + (f" ({parts})" if parts else "")
        if done and seconds > 0:
            left = seconds / done * (self._total - done)
            line += f", {done / seconds * 60:,.0f} a minute"
            line += f", {duration(left)} left" if self._total > done else ""
        return line

    def done(self) -> None:
        """Write the last line."""
        if self._is_terminal:
            self._stream.write(f"\r{'':<{self._width}}\r")
        self._stream.write(f"{self.line()}\n")
        self._stream.flush()


def duration(seconds: float) -> str:
    """Seconds as people say it: 45 s, 12 min, 2 h 5 min."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
