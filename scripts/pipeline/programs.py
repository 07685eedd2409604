"""The two programs of a stack: which they are, and how to start, stop, kill and pause them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import psutil

from configs.errors import KitError
from configs.program import is_locked, lock_file
from configs.settings import ENVIRONMENT_PREFIX, PROJECT
from scripts.services import processes
from scripts.services.outcome import Outcome
from scripts.services.processes import last_lines
from scripts.services.stack import PROGRAM_NAMES, Stack, programs_with_scripts

# The baseline for comparisons: producer and consumer as the assignment suggests them.
NAIVE = programs_with_scripts("naive", PROJECT / "tests" / "naive_baseline")
STOP_TIMEOUT = 30.0  # a batch that is running is finished first
# Variables that would change the settings of a stack that was loaded without the caller's environment.
_SETTING_VARIABLES = ("CONFIG", "ROLLNUMBER", "SPARK_MASTER", "SERVICES", "PYTHONPATH")


def is_alive(stack: Stack, name: str) -> bool:
    """Whether the process that was started under this name exists."""
    return stack.pid_file(name).process() is not None


def is_running(stack: Stack, name: str) -> bool:
    """Whether the program runs or is starting. It may have been started in any terminal."""
    return is_alive(stack, name) or is_locked(lock_file(stack.settings, name))


def start(stack: Stack, names: Iterable[str] = PROGRAM_NAMES) -> list[Outcome]:
    """Start in the background each program that does not run."""
    outcomes = []
    for name in names:
        if is_running(stack, name):
            outcomes.append(Outcome(f"The {name} is already running", changed=False))
            continue
        process = launch(stack, name)
        line = f"The {name} is starting (pid {process.pid}). Its log: {stack.log(name)}"
        outcomes.append(Outcome(line, changed=True))
    return outcomes


def launch(
    stack: Stack, program: str, *, name: str | None = None, environment: Mapping[str, str] | None = None
) -> psutil.Process:
    """Start the "producer" or "consumer", also if it already runs.

    `name`: the name of its log and pid file, if not the program's own. `environment` is added to what a program of this
    stack gets.
    """
    name = name or program
    return stack.launcher.launch(
        stack.programs.command(program, stack.settings.source),
        pid_file=stack.pid_file(name),
        log=stack.log(name),
        environment={**program_environment(stack), **(environment or {})},
    )


def program_environment(stack: Stack) -> dict[str, str]:
    """The caller's environment, or its variables that do not change the settings: see Stack.reads_environment."""
    if stack.reads_environment:
        return dict(os.environ)
    return {
        key: value
        for key, value in os.environ.items()
        if key not in _SETTING_VARIABLES and not key.startswith(ENVIRONMENT_PREFIX)
    }


def stop(stack: Stack, names: Iterable[str] = PROGRAM_NAMES) -> list[str]:
    """Stop the programs that were started in the background, one after the other; return a line for each."""
    lines = []
    for name in names:
        stopped = processes.stop(stack.pid_file(name), timeout=STOP_TIMEOUT)
        if not stopped and is_locked(lock_file(stack.settings, name)):
            lines.append(f"The {name} runs, but `make start` did not start it. Stop it with Ctrl-C in its terminal")
        else:
            lines.append(f"The {name} {'has stopped' if stopped else 'was not running'}")
    return lines


def kill(stack: Stack, name: str) -> None:
    """kill -9 of a program: its JVM, its Python and the script around them."""
    processes.kill(stack.pid_file(name))


def pause(stack: Stack, name: str) -> list[psutil.Process]:
    """SIGSTOP to all processes of a program; return them."""
    process = stack.pid_file(name).process()
    return [] if process is None else processes.suspend(process)


def resume(stack: Stack, name: str) -> None:
    """SIGCONT to all processes of a program."""
    process = stack.pid_file(name).process()
    if process is not None:
        processes.resume(process)


def family(stack: Stack, name: str) -> list[psutil.Process]:
    """The script, Spark's JVM and Python of a program; empty if it does not run."""
    process = stack.pid_file(name).process()
    return [] if process is None else processes.family(process)


def run_in_foreground(stack: Stack, name: str, debug: bool) -> None:
    """Replace this process by the program.

    Raises:
        KitError: it already runs.
    """
    process = stack.pid_file(name).process()
    if process is not None:
        raise KitError(f"The {name} already runs (pid {process.pid}). `make stop` stops it. `make logs` shows its log.")
    stack.pid_file(name).write(psutil.Process())  # exec keeps pid and start time
    command = [str(word) for word in stack.programs.command(name, stack.settings.source)]
    os.execv(command[0], [*command, *(["--debug"] if debug else [])])


def require_alive(stack: Stack, names: Iterable[str] = PROGRAM_NAMES) -> None:
    """Make sure that the programs that were started still run.

    Raises:
        KitError: one has ended; the message shows the end of its log.
    """
    for name in names:
        if not is_running(stack, name):
            log = stack.log(name)
            raise KitError(f"The {name} has ended. The end of {log}:\n{last_lines(log)}")
