"""A program that is measured: started and stopped for one measurement, with its memory watched."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil

from configs.errors import KitError
from configs.settings import ENVIRONMENT_PREFIX
from scripts.drills.pipeline import Programs
from scripts.services.processes import family_memory, last_lines, launch, stop, wait_until
from scripts.services.stack import Stack

STOP_TIMEOUT = 10.0
_SAMPLE_INTERVAL = 0.5
# What would override the settings file of a measurement's stack.
_STRANGE = ("CONFIG", "ROLLNUMBER", "SPARK_MASTER", "SERVICES", "PYTHONPATH")


class Subject:
    """A running program, its log, and what it has taken of the memory (resident, bytes, with all its children)."""

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
        """The most memory seen since the start, looking twice a second."""
        return self._peak

    @property
    def memory(self) -> int:
        """The memory of this moment."""
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
            raise KitError(f"{self.name}: not {what} in {timeout:.0f} s. Its log:\n{last_lines(self._log, 20)}")

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """SIGSTOP to all of the program, and at the end SIGCONT."""
        family = [self._process, *self._process.children(recursive=True)]
        # Among them may be short-lived ones, such as Hadoop's chmod.
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        try:
            yield
        finally:
            for process in reversed(family):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    def close(self) -> None:
        self._ended.set()
        self._sampler.join()

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_INTERVAL):
            with contextlib.suppress(psutil.NoSuchProcess):
                self._peak = max(self._peak, self.memory)


@contextlib.contextmanager
def running(
    stack: Stack, name: str, command: list[str | Path], environment: Mapping[str, str] | None = None
) -> Iterator[Subject]:
    """Run a command as the stack's `name`; at the end it is stopped."""
    kept = {k: v for k, v in os.environ.items() if k not in _STRANGE and not k.startswith(ENVIRONMENT_PREFIX)}
    log, pid_file = stack.log(name), stack.pid_file(name)
    process = launch(command, pid_file=pid_file, log=log, environment={**kept, **(environment or {})})
    subject = Subject(name, process, log)
    try:
        yield subject
    finally:
        subject.close()
        stop(pid_file, timeout=STOP_TIMEOUT)


@contextlib.contextmanager
def running_program(
    stack: Stack, programs: Programs, name: str, environment: Mapping[str, str] | None = None
) -> Iterator[Subject]:
    """Run the "producer" or "consumer" of a design on the stack."""
    command: list[str | Path] = [programs.submit_script(name), "--config", stack.settings.source]
    with running(stack, name, command, environment) as subject:
        yield subject
