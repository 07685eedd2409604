"""What both Spark programs share outside Spark: the command line, the log, the stop signal, the lock, the back-off."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from configs.contract import LOCK_SUFFIX, state_file
from configs.errors import KitError
from configs.settings import Settings, load_settings, local_path

# A variable that names a lock file. A program that gets it waits, before its first use of the services, while the lock
# is held: so its session can start while they start.
WAITS_FOR = "PROGRAM_WAITS_FOR"
_LOCK_INTERVAL = 0.05  # seconds


class ProgramError(KitError):
    """The program cannot continue, and trying again would not help. The message says what to do."""


class StopSignal:
    """SIGTERM or Ctrl-C as a flag: the program finishes its current work, then ends with exit code 0."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def install(self) -> None:
        """Take over both signals. pyspark replaces the SIGINT handler when a session starts: then call this again."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: self._event.set())

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Pause until the time is over or the signal comes; True if it has come."""
        return self._event.wait(seconds)


class Backoff:
    """Failures in a row: the pauses after them (1, 2, 4, 8, then 15 seconds), and what to report of each."""

    _LONGEST = 15.0
    _SURELY = 3  # times: an error that comes so often in the same words may never pass

    def __init__(self) -> None:
        self._failures = 0
        self._last = ""
        self._same = 0

    def next_pause(self) -> float:
        self._failures += 1
        return min(self._LONGEST, 2.0 ** (self._failures - 1))

    def report(self, what: str, error: BaseException, pause: float) -> str:
        """The line of the log for a failure. An error that repeats word for word is no longer called harmless."""
        text = first_line(error)
        self._same = self._same + 1 if text == self._last else 1
        self._last = text
        again = f"trying again in {pause:g} s"
        if self._same < self._SURELY:
            return f"{what} failed, nothing is lost: {text}; {again}"
        return (
            f"{what} failed {self._same} times in the same way: {text}. It may not pass by itself. Run `make status`. "
            f"If Postgres and Kafka answer, stop this program and run it with --debug. Until then {again}"
        )

    def reset(self) -> bool:
        """Forget the failures; True if there were any."""
        failed, self._failures, self._last = self._failures > 0, 0, ""
        return failed


def wait_for_services(stop: StopSignal) -> None:
    """Wait while somebody holds the lock that WAITS_FOR names; not without that variable, nor after the stop signal."""
    path = os.environ.get(WAITS_FOR)
    while path and is_locked(Path(path)) and not stop.wait(_LOCK_INTERVAL):
        pass


def run_program(name: str, main: Callable[[Settings, StopSignal, logging.Logger], None]) -> int:
    """Run a program's `main` with settings, stop signal and log; return its exit code.

    0: stopped on request. 1: it could not continue. 2: called wrongly, or a config that cannot be used.
    """
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--config", type=Path, help="the config file (default: CONFIG, else configs/orders_stream.yml)")
    parser.add_argument("--debug", action="store_true", help="show the trace of an error")
    arguments = parser.parse_args()
    log = _log(name)
    stop = StopSignal()
    stop.install()
    try:
        main(load_settings(arguments.config), stop, log)
    except KitError as error:
        log.error("%s", error, exc_info=arguments.debug)
        return error.exit_code
    except Exception as error:
        if stop.is_set():  # Spark was shutting down too, for example with the machine
            log.info("stopped while Spark was shutting down: %s", first_line(error))
            return 0
        log.error(
            "stopped by an unexpected error: %s. Run it with --debug to see the trace",
            first_line(error),
            exc_info=arguments.debug,
        )
        return 1
    log.info("stopped")
    return 0


def _log(name: str) -> logging.Logger:
    handler = logging.StreamHandler(sys.stdout)
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    log = logging.getLogger(name)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    return log


def first_line(error: BaseException) -> str:
    """The message of an error in one line. Of a Java error: its innermost cause, not the trace."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    java = [line.removeprefix(": ") for line in lines if line.startswith(": ")]
    chosen = (causes[-1:] or java[:1] or lines[:1] or [type(error).__name__])[0]
    return chosen[:300]


def lock_file(settings: Settings, program: str) -> Path:
    """The file that a running "producer" or "consumer" locks: next to the state, or next to the checkpoint.

    Raises:
        SettingsError: that location is not on this machine's file system.
    """
    streaming = settings.streaming
    if program == "producer":
        path = state_file(local_path(streaming.last_processed_timestamp_location))
    else:
        path = local_path(streaming.checkpoint_location)
    return path.with_name(path.name + LOCK_SUFFIX)


def is_locked(path: Path) -> bool:
    """Whether a program holds this lock, however it was started."""
    try:
        with path.open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextlib.contextmanager
def exclusive(settings: Settings, program: str) -> Iterator[None]:
    """Hold the program's lock, so that two do not write the same state or checkpoint.

    Raises:
        ProgramError: another process holds it.
    """
    path = lock_file(settings, program)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ProgramError(
                f"Another {program} is running with {path.with_suffix('')}. Two would repeat each other's rows. "
                "`make status` shows it. `make stop` stops one that runs in the background."
            ) from None
        yield
