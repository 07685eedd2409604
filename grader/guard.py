"""Grading in a process of its own, which is ended when it takes more memory or time than a submission may cost.

The time limit of a check is a signal to Python, which waits while one call into Arrow lasts; a Parquet file of a few
kilobytes can hold a billion rows; and a damaged one can take its reader down with it. None of it may hold up a class.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

OnProgress = Callable[[str], None]  # told what is begun: the id of a check, or what else takes time

POLL_INTERVAL = 0.02  # seconds between two looks at the memory: a reader that allocates 1 GiB/s is seen 20 MiB too late
_GRACE = 2.0  # seconds beyond the time limit, in which the grading may still end what takes too long by itself
_BEGINNING = "the start"


@dataclass(frozen=True)
class Budget:
    """What a grading may cost: resident bytes, and seconds from one `OnProgress` to the next. 0: any."""

    max_bytes: int
    step_seconds: float


@dataclass(frozen=True)
class Ended:
    """A grading that did not end by itself: in which step, and why, as the end of a sentence about it."""

    step: str
    why: str


def run_guarded(work: Callable[[OnProgress], int], budget: Budget) -> int | Ended:
    """The exit code of `work`, which runs in a fork of this process; or how it was ended.

    Its temporary files go away with it. A signal that ends this process ends it too.
    """
    with tempfile.TemporaryDirectory(prefix="grader-", ignore_cleanup_errors=True) as scratch:
        sys.stdout.flush()
        sys.stderr.flush()
        steps, told = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(steps)
            _work(work, told, scratch)
        os.close(told)
        try:
            with _signals():
                ended = _watch(child, steps, budget)
        except BaseException:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise
        finally:
            os.close(steps)
        return ended


def _work(work: Callable[[OnProgress], int], told: int, scratch: str) -> None:
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


def _watch(child: int, steps: int, budget: Budget) -> int | Ended:
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
        why = _excess(process, budget, time.monotonic() - since)
        if why is not None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return Ended(step, why)


def _excess(process: psutil.Process, budget: Budget, seconds: float) -> str | None:
    import psutil

    if budget.step_seconds and seconds > budget.step_seconds + _GRACE:
        return f"it was not done within {budget.step_seconds:g} s; --time-limit allows more"
    with contextlib.suppress(psutil.NoSuchProcess):
        if budget.max_bytes and process.memory_info().rss > budget.max_bytes:
            return (
                f"it took more than {budget.max_bytes >> 20} MiB of memory, as a file with far more than "
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
