"""A limit on the time that a check may take, so that no submission holds up a class."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING

from grader.model import Check, Judge

if TYPE_CHECKING:
    from grader.evidence import Evidence


class TimeLimitError(Exception):
    """Something took longer than it may. No OSError: evidence that cannot be read in time is not unreadable."""


@contextlib.contextmanager
def time_limits(checks: Mapping[str, Check], seconds: float) -> Iterator[Mapping[str, Check]]:
    """The checks, each of which raises TimeLimitError after `seconds`; and so does all else in the context.

    Works in the main thread only, by a timer's signal; in another the checks are as they were.
    """
    if seconds <= 0 or threading.current_thread() is not threading.main_thread():
        yield checks
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeLimitError(f"not done within {seconds:g} s; --time-limit allows more")

    def limited(judge: Judge) -> Judge:
        def judge_in_time(evidence: Evidence) -> None:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            try:
                judge(evidence)
            finally:
                signal.setitimer(signal.ITIMER_REAL, seconds)  # for what comes next: another check, or the figures

        return judge_in_time

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield {check_id: replace(check, judge=limited(check.judge)) for check_id, check in checks.items()}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
