"""Background processes that continue after the command that started them, known by pid and start time."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from configs.errors import KitError


@dataclass(frozen=True)
class PidFile:
    """Remembers a process by pid and start time: another process may get the same pid later."""

    path: Path

    def write(self, process: psutil.Process, log_start: int = 0) -> None:
        """`log_start`: the size of its log, in bytes, before it began to print. It outlives the process."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps({"pid": process.pid, "create_time": process.create_time()}), encoding="utf-8")
        self.path.with_suffix(".log_start").write_text(str(log_start), encoding="utf-8")
        temporary.replace(self.path)

    def log_start(self) -> int:
        """Where the log of the last start begins, in bytes; 0 where that is not known."""
        try:
            return int(self.path.with_suffix(".log_start").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0

    def process(self) -> psutil.Process | None:
        """The process if it still runs; a stale or unreadable file is removed."""
        try:
            recorded = json.loads(self.path.read_text(encoding="utf-8"))
            process = psutil.Process(recorded["pid"])
            # The kernel stores the start time to 0.01 s, relative to a boot time that may be adjusted.
            if abs(process.create_time() - recorded["create_time"]) < 2 and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, psutil.NoSuchProcess):
            pass
        self.path.unlink(missing_ok=True)
        return None


ORPHANS_TIMEOUT = 1.0  # seconds that children have to end after the process that was asked to
Limits = Mapping[int, tuple[int, int]]  # resource.RLIMIT_... -> its soft and hard limit


class Launcher(Protocol):
    """How a process is started: directly on this machine, or by another implementation in a sandbox."""

    def launch(
        self,
        command: Sequence[str | Path],
        *,
        pid_file: PidFile,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        limits: Limits | None = None,
        uid_gid: tuple[int, int] | None = None,
    ) -> psutil.Process:
        """Start a command that continues after this one; record it in `pid_file`, and append its output to `log`.

        `environment` None: the caller's. `folder`: its working directory. `uid_gid`: its user and group, for root only.
        """
        ...


class LocalLauncher:
    """Starts a process on this machine, in its own session: Ctrl-C or a closed terminal does not end it."""

    def launch(
        self,
        command: Sequence[str | Path],
        *,
        pid_file: PidFile,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        limits: Limits | None = None,
        uid_gid: tuple[int, int] | None = None,
    ) -> psutil.Process:
        started = spawn(
            command,
            pid_file=pid_file,
            log=log,
            environment=environment,
            folder=folder,
            before_exec=(lambda: set_limits(limits)) if limits else None,
            uid_gid=uid_gid,
        )
        return psutil.Process(started.pid)


LOCAL = LocalLauncher()


def spawn(
    command: Sequence[str | Path],
    *,
    pid_file: PidFile,
    log: Path,
    environment: Mapping[str, str] | None,
    folder: Path | None,
    before_exec: Callable[[], None] | None,
    uid_gid: tuple[int, int] | None = None,
) -> subprocess.Popen[bytes]:
    """What every launcher does; see Launcher. `before_exec` is called in the new process."""
    log.parent.mkdir(parents=True, exist_ok=True)
    identity: dict[str, object] = (
        {} if uid_gid is None else {"user": uid_gid[0], "group": uid_gid[1], "extra_groups": []}
    )
    with log.open("ab") as stream:
        log_start = stream.tell()
        started: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            cwd=folder,
            start_new_session=True,
            preexec_fn=before_exec,
            **identity,
        )
    pid_file.write(psutil.Process(started.pid), log_start)
    return started


def set_limits(limits: Limits) -> None:
    """Hold this process to limits; what it starts, too."""
    for which, soft_and_hard in limits.items():
        resource.setrlimit(which, soft_and_hard)


def stop(pid_file: PidFile, *, timeout: float, signum: int = signal.SIGTERM) -> bool:
    """Ask the process to stop; after `timeout` seconds kill it and its children. False: it was not running.

    Nothing that it started is left: neither what came after the signal, nor what lost its parent.
    """
    return begin_stop(pid_file, timeout=timeout, signum=signum)()


def begin_stop(pid_file: PidFile, *, timeout: float, signum: int = signal.SIGTERM) -> Callable[[], bool]:
    """Ask the process to stop. What is returned does the rest of `stop`; so several can be asked before one waits."""
    process = pid_file.process()
    if process is None:
        return lambda: False
    deadline = time.monotonic() + timeout
    members, session = family(process), session_of(process)
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signum)

    def wait() -> bool:
        psutil.wait_procs([process], timeout=max(0.0, deadline - time.monotonic()))
        _, alive = psutil.wait_procs(members, timeout=ORPHANS_TIMEOUT)
        kill_all(alive)
        kill_all(members_of_session(session))
        pid_file.path.unlink(missing_ok=True)
        return True

    return wait


def kill(pid_file: PidFile) -> bool:
    """kill -9 of the process and all its children. False: it was not running."""
    process = pid_file.process()
    if process is not None:
        kill_all(suspend(process))
    pid_file.path.unlink(missing_ok=True)
    return process is not None


def session_of(process: psutil.Process) -> int | None:
    """The session that a process leads, and with it all that it starts; None for one in another's session."""
    try:
        return process.pid if os.getsid(process.pid) == process.pid else None
    except OSError:
        return None


def members_of_session(session: int | None) -> list[psutil.Process]:
    """The processes of a session, whoever their parents are."""
    found = []
    for pid in psutil.pids() if session is not None else ():
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            if os.getsid(pid) == session:
                found.append(psutil.Process(pid))
    return found


def kill_all(processes: Sequence[psutil.Process]) -> None:
    """kill -9 of each, and wait until it is gone."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


def family(process: psutil.Process) -> list[psutil.Process]:
    """A process and all its children; only the process if it has just ended."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return [process]


def suspend(process: psutil.Process) -> list[psutil.Process]:
    """SIGSTOP to a process and all its children; return them.

    Repeated until there are no new ones, because a child that was not stopped yet may have started another. Children
    come first: in a Spark program, Python is a child, and it moves the state.
    """
    members: list[psutil.Process] = []
    while len(found := family(process)) > len(members):
        members = found
        for member in reversed(members):
            with contextlib.suppress(psutil.NoSuchProcess):
                member.suspend()
    return members


def resume(process: psutil.Process) -> None:
    """SIGCONT to a process and all its children."""
    for member in family(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            member.resume()


def family_memory(process: psutil.Process) -> int:
    """Resident memory, in bytes, of a process and all its children."""
    total = 0
    for member in family(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += member.memory_info().rss
    return total


def wait_until(condition: Callable[[], bool], *, timeout: float, interval: float = 0.05) -> bool:
    """Wait until a condition holds; False if it does not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True


def require_started(process: psutil.Process, title: str, log: Path) -> None:
    """Make sure that a service that was launched has not ended.

    Raises:
        KitError: it has; the message has the end of its log.
    """
    if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
        raise KitError(f"{title} stopped right after its start. The end of {log}:\n{last_lines(log)}")


def last_lines(log: Path, count: int = 8) -> str:
    """The end of a log file, indented, for an error message."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    except OSError:
        return f"  (no log at {log})"
    return "\n".join(f"  {line}" for line in lines)


def is_root() -> bool:
    return os.geteuid() == 0
