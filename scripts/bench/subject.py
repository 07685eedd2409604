"""A program that is measured: started and stopped for one measurement, with its memory watched."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil

from configs.errors import KitError
from scripts.pipeline import programs
from scripts.services.processes import family_memory, last_lines, resume, stop, suspend, wait_until
from scripts.services.stack import Stack

STOP_TIMEOUT = 10.0
_SAMPLE_INTERVAL = 0.5
_LOOK_AGAIN = 0.05


class Subject:
    """A running program, its log, and its memory (resident, in bytes, with all its children)."""

    def __init__(self, name: str, process: psutil.Process, log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log
        self._peak = 0
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._sampler.start()

    @property
    def peak(self) -> int:
        """The maximum memory since the start, sampled twice a second."""
        return self._peak

    @property
    def memory(self) -> int:
        """The memory now."""
        return family_memory(self._process)

    def wait(self, condition: Callable[[], bool], what: str, timeout: float, interval: float = 0.05) -> None:
        """Wait until the condition holds.

        Raises:
            KitError: the program has ended, or `timeout` seconds have passed.
        """

        def holds() -> bool:
            if not self._process.is_running() or self._process.status() == psutil.STATUS_ZOMBIE:
                raise KitError(f"{self.name} ended before {what}. The end of its log:\n{last_lines(self._log, 20)}")
            return condition()

        if not wait_until(holds, timeout=timeout, interval=interval):
            raise KitError(
                f"{self.name}: not {what} within {timeout:.0f} s. The end of its log:\n{last_lines(self._log, 20)}"
            )

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """SIGSTOP to all processes of the program, and at the end SIGCONT."""
        suspend(self._process)
        try:
            yield
        finally:
            resume(self._process)

    def close(self) -> None:
        self._ended.set()
        self._sampler.join()

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_INTERVAL):
            with contextlib.suppress(psutil.NoSuchProcess):
                seen = self.memory
                if seen > self._peak:
                    # A process that starts another one is there twice for a moment, with all of its memory.
                    self._ended.wait(_LOOK_AGAIN)
                    self._peak = max(self._peak, min(seen, self.memory))


@contextlib.contextmanager
def running(
    stack: Stack, name: str, command: list[str | Path], environment: Mapping[str, str] | None = None
) -> Iterator[Subject]:
    """Run a command as the stack's `name`; at the end it is stopped."""
    everything = {**programs.program_environment(stack, name), **(environment or {})}
    process = stack.launcher.launch(command, pid_file=stack.pid_file(name), log=stack.log(name), environment=everything)
    with _measured(stack, name, process) as subject:
        yield subject


@contextlib.contextmanager
def running_program(stack: Stack, name: str, environment: Mapping[str, str] | None = None) -> Iterator[Subject]:
    """Run the stack's "producer" or "consumer"."""
    with _measured(stack, name, programs.launch(stack, name, environment=environment)) as subject:
        yield subject


@contextlib.contextmanager
def _measured(stack: Stack, name: str, process: psutil.Process) -> Iterator[Subject]:
    subject = Subject(name, process, stack.log(name))
    try:
        yield subject
    finally:
        subject.close()
        stop(stack.pid_file(name), timeout=STOP_TIMEOUT)
