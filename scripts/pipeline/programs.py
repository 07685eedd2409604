"""The two programs of a stack: which they are, and how to start, stop, kill and pause them."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from configs.errors import KitError
from configs.program import WAITS_FOR, is_locked, lock_file
from configs.settings import ENVIRONMENT_PREFIX, PROJECT
from scripts.pipeline.program_log import ProgramError, last_error, read_log
from scripts.pipeline.rendered_config import render_config
from scripts.pipeline.student_programs import require_modules
from scripts.services import processes
from scripts.services.outcome import Outcome
from scripts.services.processes import last_lines, wait_until
from scripts.services.spark_environment import spark_environment
from scripts.services.stack import OURS, PROGRAM_NAMES, Stack, programs_with_scripts, remove_unused_scratch

# The baseline for comparisons: producer and consumer as the assignment suggests them.
NAIVE = programs_with_scripts("naive", PROJECT / "tests" / "naive_baseline")
STOP_TIMEOUT = 10.0  # seconds
FIRST_LOOK = 0.5  # a program that cannot start at all has ended by then
# Variables that would change the settings of a stack that was loaded without the caller's environment.
_SETTING_VARIABLES = ("CONFIG", "ROLLNUMBER", "SPARK_MASTER", "SERVICES", "PYTHONPATH")


def is_alive(stack: Stack, name: str) -> bool:
    """Whether the process that was started under this name exists."""
    return stack.pid_file(name).process() is not None


def are_alive(stack: Stack, names: Iterable[str] = PROGRAM_NAMES) -> bool:
    """Whether all that were started under these names exist."""
    return all(is_alive(stack, name) for name in names)


def is_running(stack: Stack, name: str) -> bool:
    """Whether the program runs or is starting. It may have been started in any terminal."""
    return is_alive(stack, name) or is_locked(lock_file(stack.settings, name))


def start(stack: Stack, names: Sequence[str] = PROGRAM_NAMES) -> list[Outcome]:
    """Start in the background each program that does not run.

    Raises:
        KitError: a program imports a module that is not installed, or ended at once. Or one runs for another pipeline.
    """
    outcomes = _launch_missing(stack, names)
    started = [name for name, outcome in zip(names, outcomes, strict=True) if outcome.changed]
    if started and wait_until(lambda: not are_alive(stack, started), timeout=FIRST_LOOK):
        require_alive(stack, started)
    return outcomes


@contextlib.contextmanager
def started_beside_services(stack: Stack) -> Iterator[list[Outcome]]:
    """Start the kit's own programs, and let them wait until the end of the block, which starts what they need.

    So their Spark sessions start while the services do. Programs of somebody else do not know how to wait, and are not
    started here; nor is any on a cluster, where a session needs a master that answers. If the block fails, what was
    started is stopped.

    Raises:
        KitError: as `start`.
    """
    if stack.programs != OURS or stack.settings.spark.is_cluster:
        yield []
        return
    path = stack.home / "run" / "services.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        outcomes = _launch_missing(stack, PROGRAM_NAMES, {WAITS_FOR: str(path)})
        try:
            yield outcomes
        except BaseException:
            stop(stack, [name for name, outcome in zip(PROGRAM_NAMES, outcomes, strict=True) if outcome.changed])
            raise


def _launch_missing(stack: Stack, names: Sequence[str], environment: Mapping[str, str] | None = None) -> list[Outcome]:
    _require_own(stack, names)
    outcomes = []
    for name in names:
        if is_running(stack, name):
            outcomes.append(Outcome(f"The {name} is already running", changed=False))
            continue
        process = launch(stack, name, environment=environment)
        line = f"The {name} is starting (pid {process.pid}). Its log: {stack.log(name)}"
        outcomes.append(Outcome(line, changed=True))
    return outcomes


def launch(
    stack: Stack, program: str, *, name: str | None = None, environment: Mapping[str, str] | None = None
) -> psutil.Process:
    """Start the "producer" or "consumer", also if it already runs.

    `name`: the name of its log and pid file, if not the program's own. `environment` is added to what a program of this
    stack gets.

    Raises:
        KitError: it imports a module that is not installed.
    """
    name = name or program
    remove_unused_scratch(stack)
    process = stack.launcher.launch(
        command(stack, program),
        pid_file=stack.pid_file(name),
        log=stack.log(name),
        environment={**program_environment(stack, name), **(environment or {})},
        folder=working_folder(stack, program),
    )
    _owner_file(stack, name).write_text(pipeline_of(stack), encoding="utf-8")
    return process


def pipeline_of(stack: Stack) -> str:
    """Whose orders a program moves, in one line. It changes with the roll number, the config and PROGRAMS."""
    settings = stack.settings
    return (
        f"roll number {settings.rollnumber}, table {settings.postgres.table}, topic {settings.kafka.topic}, "
        f"lake {settings.datalake.path}, programs {stack.programs.folder or stack.programs.name}"
    )


def running_pipeline(stack: Stack, name: str) -> str | None:
    """`pipeline_of` the stack that has started the program which runs under this name; None if that is not known."""
    try:
        pipeline = _owner_file(stack, name).read_text(encoding="utf-8")
    except OSError:
        return None
    return pipeline if is_alive(stack, name) else None


def _owner_file(stack: Stack, name: str) -> Path:
    return stack.pid_file(name).path.with_suffix(".pipeline")


def _require_own(stack: Stack, names: Iterable[str]) -> None:
    """What runs in the background must be this pipeline's: a round would wait for the wrong programs."""
    own = pipeline_of(stack)
    for name in names:
        other = running_pipeline(stack, name)
        if other not in (None, own):
            raise KitError(
                f"The {name} that runs is of another pipeline:\n  {other}\nThis one is:\n  {own}\n`make stop` stops it."
            )


def command(stack: Stack, program: str) -> list[str | Path]:
    """What runs a program; one of somebody else gets a config that is rendered for it now.

    Raises:
        KitError: it imports what is not here.
    """
    if stack.programs.folder is None:
        return stack.programs.command(program, stack.settings.source)
    path = stack.programs.path(program)
    require_modules(path, working_folder(stack, program) or path.parent)
    return stack.programs.command(program, render_config(stack))


def working_folder(stack: Stack, program: str) -> Path | None:
    """Where somebody else's program is run: its project's folder, with producers/ and consumers/ in it, or its own."""
    if stack.programs.folder is None:
        return None
    folder = stack.programs.path(program).parent
    return folder.parent if folder.name in ("producers", "consumers") else folder


def program_environment(stack: Stack, name: str) -> dict[str, str]:
    """The caller's environment, or its variables that do not change the settings (see Stack.reads_environment), and
    what the submit script needs: `name` is the program's, also of its folder for scratch.

    Raises:
        KitError: there is no Java 17, or a jar is missing.
    """
    kept = {
        key: value
        for key, value in os.environ.items()
        if stack.reads_environment or (key not in _SETTING_VARIABLES and not key.startswith(ENVIRONMENT_PREFIX))
    }
    variables = spark_environment(stack.settings, short_lived=stack.short_lived)
    return {**kept, **variables, "PROGRAM_SCRATCH": str(stack.scratch / name)}


def stop(stack: Stack, names: Iterable[str] = PROGRAM_NAMES) -> list[str]:
    """Stop what was started in the background, all at once and within STOP_TIMEOUT; return a line for each."""
    lines = []
    waits = {name: processes.begin_stop(stack.pid_file(name), timeout=STOP_TIMEOUT) for name in names}
    for name, wait in waits.items():
        stopped = wait()
        if stopped and not is_running(stack, name):
            lines.append(f"The {name} has stopped")
        elif is_running(stack, name):
            lines.append(f"The {name} runs, but `make start` did not start it. Stop it with Ctrl-C in its terminal")
        else:
            lines.append(f"The {name} was not running")
    remove_unused_scratch(stack)
    return lines


def kill(stack: Stack, name: str) -> None:
    """kill -9 of a program: its JVM, its Python and the script around them."""
    processes.kill(stack.pid_file(name))
    remove_unused_scratch(stack)


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
        KitError: it already runs, or imports what is not here.
    """
    process = stack.pid_file(name).process()
    if process is not None:
        raise KitError(f"The {name} already runs (pid {process.pid}). `make stop` stops it. `make logs` shows its log.")
    words = [str(word) for word in command(stack, name)]
    environment = program_environment(stack, name)
    remove_unused_scratch(stack)
    stack.pid_file(name).write(psutil.Process())  # exec keeps pid and start time
    _owner_file(stack, name).write_text(pipeline_of(stack), encoding="utf-8")
    os.chdir(working_folder(stack, name) or Path.cwd())
    own_options = ["--debug"] if debug and stack.programs.folder is None else []
    os.execve(words[0], [*words, *own_options], environment)


def require_alive(stack: Stack, names: Iterable[str] = PROGRAM_NAMES) -> None:
    """Make sure that the programs that were started still run.

    Raises:
        KitError: one has ended; the message has its last error, or else the end of its log.
    """
    for name in names:
        if not is_running(stack, name):
            log, error = stack.log(name), error_of(stack, name)
            said = f"Its last error:\n  {error}\n" if error else ""
            raise KitError(f"The {name} has ended. {said}The end of {log}:\n{last_lines(log)}")


def error_of(stack: Stack, name: str) -> ProgramError | None:
    """The last error in a program's log since its last start; None where it has none."""
    return last_error(read_log(stack.log(name), stack.pid_file(name).log_start()))
