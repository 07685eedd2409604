"""Grades submissions by their evidence in worker processes that stay alive. One that hangs or dies is replaced."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

import psutil

from configs.settings import PROJECT
from grader.class_run.discovery import Found
from grader.class_run.task import STEP_FILE, Answer, Graded, Task
from grader.limits import BEGINNING, POLL_INTERVAL, Limits, excess

MAX_KEPT_BYTES = 300 << 20  # of a worker between two submissions; a larger one is replaced
_START_SECONDS = 120.0  # for Python and pyarrow, on a machine that has much else to do


@dataclass(frozen=True)
class EvidenceOptions:
    """How evidence is graded: `time_limit` in seconds for a check, `max_bytes` of memory for a worker; 0: no limit."""

    rubric: Path
    strict: bool = False
    time_limit: float = 60.0
    max_bytes: int = 1000 << 20

    @property
    def mode(self) -> str:
        """What of this can change a mark."""
        return f"evidence, strict={self.strict}"


class EvidenceWorkers:
    """The worker processes of a class run: a `GradeOne` that is a context. Each call uses one worker.

    A worker starts when it is first needed. `scratch` is a folder for what they unpack.
    """

    def __init__(self, options: EvidenceOptions, workers: int, scratch: Path) -> None:
        self._options = options
        self._scratch = scratch
        self._idle: SimpleQueue[_Worker | int] = SimpleQueue()
        self._started: dict[int, _Worker] = {}
        for number in range(workers):
            self._idle.put(number)

    def __enter__(self) -> EvidenceWorkers:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for worker in list(self._started.values()):
            worker.end()

    def __call__(self, found: Found, out: Path) -> Graded:
        """Grade a submission, and write its reports into `out`. Waits for a worker that is idle."""
        begun = time.monotonic()
        slot = self._idle.get()
        worker = slot if isinstance(slot, _Worker) else self._start(slot)
        kept: _Worker | int = worker.number
        try:
            options = self._options
            task = Task(
                root=str(found.path.absolute()),
                out=str(out),
                rubric=str(options.rubric),
                strict=options.strict,
                time_limit=options.time_limit,
            )
            answer = worker.answer(task, Limits(options.max_bytes, options.time_limit))
            if worker.is_fit:
                kept = worker
        finally:
            if kept is not worker:
                worker.end()
            self._idle.put(kept)
        return Graded(
            seconds=time.monotonic() - begun,
            problem=answer.problem,
            is_machine_fault=answer.is_machine_fault,
            fingerprints=answer.fingerprints,
        )

    def _start(self, number: int) -> _Worker:
        worker = self._started[number] = _Worker(number, self._scratch / f"worker{number}")
        return worker


class _Worker:
    """A worker process. It has a session of its own, so that Ctrl-C reaches only the parent, which ends it."""

    def __init__(self, number: int, scratch: Path) -> None:
        self.number = number
        self._scratch = scratch
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        with scratch.with_suffix(".log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "grader.class_run.worker", str(scratch)],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._unread = b""
        self._is_ready = False

    @property
    def is_fit(self) -> bool:
        """Whether it can grade another submission: it runs, and kept no more memory than it should."""
        if self._process.poll() is not None:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            return int(psutil.Process(self._process.pid).memory_info().rss) <= MAX_KEPT_BYTES
        return False

    def answer(self, task: Task, limits: Limits) -> Answer:
        """The worker's answer. If it hangs, takes too much memory or dies, it is ended, and the answer says so."""
        try:
            if not self._is_ready:
                self._line(Limits(limits.max_bytes, _START_SECONDS))
                self._is_ready = True
            stdin = self._process.stdin
            assert stdin is not None
            stdin.write(json.dumps(asdict(task)).encode() + b"\n")
            stdin.flush()
            return Answer.model_validate_json(self._line(limits))
        except (_EndedError, BrokenPipeError) as ended:
            why = str(ended) if isinstance(ended, _EndedError) else self._death
            step = self._step.partition("\n")[2] or BEGINNING
            self.end()
            return Answer(problem=f"at {step}, {why}", is_machine_fault=True)

    def _line(self, limits: Limits) -> bytes:
        """The next line that the worker writes.

        Raises:
            _EndedError: it exceeds a limit, or has died.
        """
        stdout = self._process.stdout
        assert stdout is not None
        process, step, since, received = psutil.Process(self._process.pid), self._step, time.monotonic(), b""
        while not received.endswith(b"\n"):
            if select.select([stdout], [], [], POLL_INTERVAL)[0]:
                part = os.read(stdout.fileno(), 1 << 20)
                if not part:
                    raise _EndedError(self._death)
                received += part
                continue
            if step != self._step:
                step, since = self._step, time.monotonic()
            why = excess(process, limits, time.monotonic() - since)
            if why is not None:
                raise _EndedError(why)
        return received

    @property
    def _step(self) -> str:
        """The number and the name of the step that the worker is at, on two lines; "" before the first one.

        It is read, not sent: a grading has 50 steps, and this process need not wake up for each.
        """
        with contextlib.suppress(OSError):
            return (self._scratch / STEP_FILE).read_text(encoding="utf-8", errors="replace").rstrip("\0")
        return ""

    @property
    def _death(self) -> str:
        code = self._process.wait()
        return f"its process was ended by {signal.Signals(-code).name}" if code < 0 else "its process ended"

    def end(self) -> None:
        """End the process, and remove what it left."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        shutil.rmtree(self._scratch, ignore_errors=True)


class _EndedError(Exception):
    """A worker cannot answer any more; the message says why, as the end of a sentence."""
