"""Start and stop producer and consumer, in the background or as this process."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import psutil

from configs.errors import KitError
from configs.program import is_locked, lock_file
from configs.settings import PROJECT
from scripts.services.outcome import Outcome
from scripts.services.processes import last_lines, launch, stop
from scripts.services.stack import Stack

PROGRAMS = ("producer", "consumer")
STOP_TIMEOUT = 30.0  # a batch that is under way is finished first


def submit_script(name: str) -> Path:
    return PROJECT / "scripts" / f"{name}_spark_submit.sh"


def is_running(stack: Stack, name: str) -> bool:
    """Whether the program runs or is starting, from whichever terminal it was started."""
    return stack.pid_file(name).process() is not None or is_locked(lock_file(stack.settings, name))


def start(stack: Stack, names: Iterable[str] = PROGRAMS) -> list[Outcome]:
    """Start in the background what does not run."""
    outcomes = []
    for name in names:
        if is_running(stack, name):
            outcomes.append(Outcome(f"The {name} is running already", changed=False))
            continue
        process = launch(
            [submit_script(name), "--config", stack.settings.source],
            pid_file=stack.pid_file(name),
            log=stack.log(name),
            environment=os.environ,
        )
        line = f"The {name} is starting (pid {process.pid}), log {stack.log(name)}"
        outcomes.append(Outcome(line, changed=True))
    return outcomes


def stop_programs(stack: Stack, names: Iterable[str] = PROGRAMS) -> list[str]:
    """Stop what `start` started, in order; return a line for each."""
    lines = []
    for name in names:
        stopped = stop(stack.pid_file(name), timeout=STOP_TIMEOUT)
        if not stopped and is_locked(lock_file(stack.settings, name)):
            lines.append(f"The {name} runs, but `make start` did not start it: stop it with Ctrl-C in its terminal")
        else:
            lines.append(f"The {name} {'has stopped' if stopped else 'was not running'}")
    return lines


def run_in_foreground(stack: Stack, name: str, debug: bool) -> None:
    """Become the program.

    Raises:
        KitError: it runs already.
    """
    process = stack.pid_file(name).process()
    if process is not None:
        raise KitError(
            f"The {name} runs already (pid {process.pid}). `make stop` stops it; `make logs` shows what it says."
        )
    stack.pid_file(name).write(psutil.Process())  # exec keeps pid and start time
    command = [str(submit_script(name)), "--config", str(stack.settings.source), *(["--debug"] if debug else [])]
    os.execv(command[0], command)


def require_alive(stack: Stack, names: Iterable[str] = PROGRAMS) -> None:
    """Make sure that what was started still runs.

    Raises:
        KitError: one has ended; the message shows the end of its log.
    """
    for name in names:
        if not is_running(stack, name):
            log = stack.log(name)
            raise KitError(f"The {name} has ended. The end of {log}:\n{last_lines(log)}")
