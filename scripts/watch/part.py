"""A part of the snapshot, read again and again in threads of its own: one that does not answer delays no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from scripts.watch.snapshot import NoAnswer

Value = TypeVar("Value")

MAX_SHARE = 0.03  # of the time that reading one part may take; a large lake or table is read less often
PATIENCE = 2.0  # seconds without an answer until a part counts as one that does not answer


class Part(Generic[Value]):
    """What `read` has returned last, or a NoAnswer. `silent`: what to report when `read` takes too long."""

    def __init__(self, read: Callable[[], Value], silent: str) -> None:
        self._read = read
        self._silent = silent
        self._value: Value | NoAnswer = NoAnswer(silent)
        self._thread: threading.Thread | None = None
        self._began = 0.0
        self._next = 0.0

    def begin(self) -> None:
        """Start to read, unless that is still going on, or would take more than MAX_SHARE of the time."""
        now = time.monotonic()
        if not self.is_reading and now >= self._next:
            self._began = now
            # A daemon: a service that hangs must not keep the view from ending.
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def answer(self, until: float) -> Value | NoAnswer:
        """The last value. Waits for a new one until this time of the monotonic clock."""
        if self._thread is not None:
            self._thread.join(max(0.0, until - time.monotonic()))
        if self.is_reading and time.monotonic() - self._began > PATIENCE:
            return NoAnswer(self._silent)
        return self._value

    @property
    def is_reading(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _work(self) -> None:
        began = time.monotonic()
        try:
            self._value = self._read()
            self._next = began + (time.monotonic() - began) / MAX_SHARE
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one part, the others go on
            lines = str(error).strip().splitlines()
            self._value = NoAnswer(lines[0] if lines else type(error).__name__)
