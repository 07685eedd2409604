"""Limits of time per step and of memory, so that no submission delays a class.

`step_limit` uses a timer's signal, but Python does not see it during a call into Arrow. A Parquet file of a few
kilobytes can contain a billion rows, and a damaged one can crash its reader. So the command line also grades in a
separate process (`run_guarded`), which can be killed from outside.

That process is a fork, and the fork must happen before pyarrow is loaded. A fork has none of the threads that Arrow
started, and a lock that one of them held stays locked. So neither this module nor its imports load pyarrow.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import FrameType
from typing import TYPE_CHECKING

from grader.model import Check, Judge

if TYPE_CHECKING:
    import psutil

    from grader.evidence import Evidence

OnStep = Callable[[str], None]  # gets the name of each step that begins: the id of a check, or another step

POLL_INTERVAL = 0.02  # seconds between two looks at the memory; at 1 GiB/s this is 20 MiB too late
GRACE = 2.0  # seconds after the time limit, in which the grading may still stop the step itself
BEGINNING = "the start"
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Limits:
    """The limits of a grading. 0 is no limit.

    `step_seconds` is the time from one `OnStep` to the next. `max_bytes` is resident memory, and only applies in a
    separate process.
    """

    max_bytes: int = 0
    step_seconds: float = 0.0


NO_LIMITS = Limits()


class TimeLimitError(Exception):
    """A step took too long. It is not an OSError: evidence that cannot be read in time is not unreadable."""


@contextlib.contextmanager
def step_limit(seconds: float) -> Iterator[Callable[[], None]]:
    """Raise TimeLimitError in the context if one step takes longer than `seconds`; 0: never.

    Call the context's value to begin the next step. The limit is a timer's signal, which only the main thread of Python
    gets. In another thread there is no limit.
    """
    if seconds <= 0 or threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeLimitError(f"not done within {seconds:g} s; for more time use --time-limit")

    def begin() -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds)

    before = signal.signal(signal.SIGALRM, stop)
    begin()
    try:
        yield begin
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def limited(checks: Mapping[str, Check], begin: Callable[[], None]) -> dict[str, Check]:
    """The checks, each as a step of `step_limit`: they call `begin` at their start and at their end."""

    def limit(judge: Judge) -> Judge:
        def judge_in_time(evidence: Evidence) -> None:
            begin()
            try:
                judge(evidence)
            finally:
                begin()

        return judge_in_time

    return {check_id: replace(check, judge=limit(check.judge)) for check_id, check in checks.items()}


@dataclass(frozen=True)
class Ended:
    """A grading that was stopped: in which step, and why. `why` is the end of a sentence."""

    step: str
    why: str


def run_guarded(work: Callable[[OnStep], int], limits: Limits) -> int | Ended:
    """Run `work` in a fork of this process. Returns its exit code, or how it was stopped.

    Call it before pyarrow is loaded. The temporary files of `work` are deleted at the end. A signal that ends this
    process also ends the fork.
    """
    with tempfile.TemporaryDirectory(prefix="grader-", ignore_cleanup_errors=True) as scratch:
        sys.stdout.flush()
        sys.stderr.flush()
        steps, steps_out = os.pipe()
        # Signals are blocked until this process can handle them: it must not end before its child.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        child = os.fork()
        if child == 0:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(steps)
            _work(work, steps_out, scratch)
        os.close(steps_out)
        try:
            with _signals():
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                ended = _watch(child, steps, limits)
        except BaseException:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise
        finally:
            os.close(steps)
        return ended


def _work(work: Callable[[OnStep], int], steps_out: int, scratch: str) -> None:
    """In the child: do the work and exit, without the exit handlers of the parent."""
    code = 2
    try:
        tempfile.tempdir = scratch
        code = work(lambda step: _send(steps_out, step))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _send(steps_out: int, step: str) -> None:
    os.write(steps_out, f"{step}\n".encode())


def _watch(child: int, steps: int, limits: Limits) -> int | Ended:
    import psutil

    process = psutil.Process(child)
    step, since, unread = BEGINNING, time.monotonic(), b""
    while True:
        if select.select([steps], [], [], POLL_INTERVAL)[0]:
            received = os.read(steps, 65536)
            if not received:
                return _result(child, step)
            *whole, unread = (unread + received).split(b"\n")
            if whole:
                step, since = whole[-1].decode(), time.monotonic()
        why = excess(process, limits, time.monotonic() - since)
        if why is not None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return Ended(step, why)


def excess(process: psutil.Process, limits: Limits, seconds: float) -> str | None:
    """Which limit a grading exceeds whose step has taken `seconds`; None if it exceeds none."""
    import psutil

    if limits.step_seconds and seconds > limits.step_seconds + GRACE:
        return f"it was not done within {limits.step_seconds:g} s; for more time use --time-limit"
    with contextlib.suppress(psutil.NoSuchProcess):
        if limits.max_bytes and process.memory_info().rss > limits.max_bytes:
            return (
                f"it used more than {limits.max_bytes >> 20} MiB of memory, perhaps for a file with far more rows "
                "than a course has; for more memory use --memory-limit"
            )
    return None


def _result(child: int, step: str) -> int | Ended:
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else Ended(step, f"its process was ended by {signal.Signals(-code).name}")


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """Ctrl-C goes to both processes, so this one waits for the child. Other signals that end this one must end both."""

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN)}
    for number in (signal.SIGTERM, signal.SIGHUP):
        before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
