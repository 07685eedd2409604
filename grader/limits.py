"""What a grading may cost, so that no submission holds up a class: time for each step, and memory.

`step_limit` is a timer's signal to Python, which is not heard while one call into Arrow lasts. A Parquet file of a few
kilobytes can hold a billion rows, and a damaged one can crash its reader. So the command line also grades in a process
of its own (`run_guarded`), which is ended from outside.

That process is a fork, and the fork must happen before pyarrow is loaded: it takes none of the threads that Arrow has
started with it, and a lock that one of them held stays locked. So nothing here, nor what is imported here, loads it.
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

OnStep = Callable[[str], None]  # told what begins: the id of a check, or what else takes time

POLL_INTERVAL = 0.02  # seconds between two looks at the memory: a reader that allocates 1 GiB/s is seen 20 MiB too late
_GRACE = 2.0  # seconds beyond the time limit, in which the grading may still end what takes too long by itself
_BEGINNING = "the start"
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Limits:
    """What a grading may cost. 0 is no limit.

    `step_seconds` hold from one `OnStep` to the next. `max_bytes`, of resident memory, hold in a process of its own.
    """

    max_bytes: int = 0
    step_seconds: float = 0.0


NO_LIMITS = Limits()


class TimeLimitError(Exception):
    """Something took longer than it may. No OSError: evidence that cannot be read in time is not unreadable."""


@contextlib.contextmanager
def step_limit(seconds: float) -> Iterator[Callable[[], None]]:
    """Raise TimeLimitError in the context when one step of it takes longer than `seconds`; 0: never.

    The context's value, when called, begins another step. The limit is a timer's signal, which Python hears in the main
    thread only: in another thread there is no limit.
    """
    if seconds <= 0 or threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeLimitError(f"not done within {seconds:g} s; --time-limit allows more")

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
    """The checks, each of which begins a step by `begin` of `step_limit`; what comes after it begins another."""

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
    """A grading that did not end by itself: in which step, and why, as the end of a sentence about it."""

    step: str
    why: str


def run_guarded(work: Callable[[OnStep], int], limits: Limits) -> int | Ended:
    """The exit code of `work`, which runs in a fork of this process; or how it was ended.

    To be called before pyarrow is loaded. The temporary files of `work` go away with it. A signal that ends this
    process ends it too.
    """
    with tempfile.TemporaryDirectory(prefix="grader-", ignore_cleanup_errors=True) as scratch:
        sys.stdout.flush()
        sys.stderr.flush()
        steps, told = os.pipe()
        # Held back until this process knows what to do with one: it must not end and leave its child behind.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        child = os.fork()
        if child == 0:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(steps)
            _work(work, told, scratch)
        os.close(told)
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


def _work(work: Callable[[OnStep], int], told: int, scratch: str) -> None:
    """In the child: do the work and end, without anything of what the parent has planned for its own end."""
    code = 2
    try:
        tempfile.tempdir = scratch
        code = work(lambda step: _tell(told, step))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _tell(told: int, step: str) -> None:
    os.write(told, f"{step}\n".encode())


def _watch(child: int, steps: int, limits: Limits) -> int | Ended:
    import psutil

    process = psutil.Process(child)
    step, since, heard = _BEGINNING, time.monotonic(), b""
    while True:
        if select.select([steps], [], [], POLL_INTERVAL)[0]:
            news = os.read(steps, 65536)
            if not news:
                return _result(child, step)
            *whole, heard = (heard + news).split(b"\n")
            if whole:
                step, since = whole[-1].decode(), time.monotonic()
        why = _excess(process, limits, time.monotonic() - since)
        if why is not None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return Ended(step, why)


def _excess(process: psutil.Process, limits: Limits, seconds: float) -> str | None:
    import psutil

    if limits.step_seconds and seconds > limits.step_seconds + _GRACE:
        return f"it was not done within {limits.step_seconds:g} s; --time-limit allows more"
    with contextlib.suppress(psutil.NoSuchProcess):
        if limits.max_bytes and process.memory_info().rss > limits.max_bytes:
            return (
                f"it took more than {limits.max_bytes >> 20} MiB of memory, as a file with far more than "
                "a course's orders does; --memory-limit allows more"
            )
    return None


def _result(child: int, step: str) -> int | Ended:
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else Ended(step, f"its process was ended by {signal.Signals(-code).name}")


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """Ctrl-C goes to both processes: the child's answer is waited for. What asks this one to end must end both."""

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
