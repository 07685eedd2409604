"""Control groups (cgroups): the kernel holds a program and all that it starts to limits, together.

The watch looks ten times a second, and a limit of a process counts that process alone. A group also stops what many
processes do between two looks. Where the kernel's groups cannot be used, the watch and the processes' limits remain.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

import psutil

from scripts.classroom.layout import Mount, read_only, writable
from scripts.services.processes import is_root, wait_until

# v1: a group for each program, where this user can write to version 1 of the kernel's groups, as root can.
# systemd: one group for all of a submission, with version 2, where systemd runs for this user.
GroupKind: TypeAlias = Literal["v1", "systemd", "none"]
ROOT = Path("/sys/fs/cgroup")
IN_SANDBOX = Path("/groups")  # where a submission's worker sees its groups of version 1
_PREFIX = "food-orders-kit."  # then the pid and the start time of the run, and a random word
_TRIAL_TIMEOUT = 10.0
_REMOVE_TIMEOUT = 5.0  # a group cannot be removed before the last of its processes has ended
_SESSION = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")  # how systemd-run finds the user's systemd


@dataclass(frozen=True)
class GroupLimits:
    """Bytes of memory, also those of files in memory, and processes and threads: of a program, and of a submission.

    A submission's are those of both programs, of the services and of the worker.
    """

    program_bytes: int
    program_tasks: int
    submission_bytes: int
    submission_tasks: int


_TRIAL = GroupLimits(1 << 30, 100, 1 << 30, 100)


@dataclass(frozen=True)
class Group:
    """The files of a group, as the process sees them that starts its members.

    `procs`: what a process writes 0 to in order to become a member; none if it is one from its start. `memory` and
    `pids` have the lines "oom_kill N" and "max N": how often the kernel ended a member, or refused it a new process.
    """

    procs: tuple[Path, ...]
    memory: Path
    pids: Path

    def join(self) -> None:
        """Make this process a member, and with it all that it will start.

        Raises:
            OSError: the group is gone.
        """
        for path in self.procs:
            with open(path, "w") as file:  # noqa: PTH123 - as little as possible after a fork
                file.write("0")

    @property
    def memory_bytes(self) -> int | None:
        """Memory of the members without files, each page once; None for a group that is not one program's alone."""
        return _count(self.memory.with_name("memory.stat"), "total_rss") if self.procs else None

    @property
    def memory_kills(self) -> int:
        return _count(self.memory, "oom_kill")

    @property
    def refused_processes(self) -> int:
        return _count(self.pids, "max")


def _count(path: Path, key: str) -> int:
    """The number behind a key; 0 if the group is gone."""
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text(encoding="ascii").splitlines():
            name, _, number = line.partition(" ")
            if name == key:
                return int(number)
    return 0


@dataclass(frozen=True)
class RunGroups:
    """The groups of version 1 of one run: a folder in the hierarchy of memory, and one in that of processes."""

    memory: Path
    pids: Path

    @property
    def mounts(self) -> list[Mount]:
        """Of the outer sandbox only: no program sees its group."""
        return [writable(self.memory, IN_SANDBOX / "memory"), writable(self.pids, IN_SANDBOX / "pids")]

    def add(self, name: str, memory_bytes: int, tasks: int, owner: int | None = None) -> None:
        """Make a group that the user `owner` may join, and whose limits that user cannot change.

        Raises:
            OSError: the kernel refuses it.
        """
        for folder, file, limit in (
            (self.memory / name, "memory.limit_in_bytes", memory_bytes),
            (self.pids / name, "pids.max", tasks),
        ):
            folder.mkdir()
            (folder / file).write_text(f"{limit}", encoding="ascii")
            if owner is not None:
                os.chown(folder / "cgroup.procs", owner, owner)

    def remove(self) -> None:
        for folder in (self.memory, self.pids):
            wait_until(lambda folder=folder: _removed(folder), timeout=_REMOVE_TIMEOUT)  # type: ignore[misc]


@contextlib.contextmanager
def run_groups(names: Sequence[str], limits: GroupLimits, owner: int | None = None) -> Iterator[RunGroups]:
    """Groups of version 1, one for each name, which are removed at the end. See `RunGroups.add`.

    Raises:
        OSError: the kernel refuses them.
    """
    name = f"{_PREFIX}{os.getpid()}.{int(psutil.Process().create_time())}.{secrets.token_hex(4)}"
    groups = RunGroups(*(_own_folder(hierarchy) / name for hierarchy in ("memory", "pids")))
    try:
        for folder in (groups.memory, groups.pids):
            folder.mkdir()
        for program in names:
            groups.add(program, limits.program_bytes, limits.program_tasks, owner)
        yield groups
    finally:
        groups.remove()


def group_in_sandbox(name: str) -> Group:
    """The group of version 1 of a program, as its submission's worker sees it."""
    memory, pids = IN_SANDBOX / "memory" / name, IN_SANDBOX / "pids" / name
    return Group((memory / "cgroup.procs", pids / "cgroup.procs"), memory / "memory.oom_control", pids / "pids.events")


def own_group(membership: str, root: Path = ROOT) -> Group:
    """The group of version 2 that this process is in. `membership`: the text of /proc/self/cgroup."""
    path = next((line[len("0::/") :] for line in membership.splitlines() if line.startswith("0::/")), "")
    return Group((), root / path / "memory.events", root / path / "pids.events")


@dataclass(frozen=True)
class Held:
    """What holds a submission's outer sandbox to its groups: what it sees of them, and how its command begins.

    `environment`: what that beginning needs, and takes away again.
    """

    mounts: tuple[Mount, ...] = ()
    begin: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


NOT_HELD = Held()


@contextlib.contextmanager
def held(kind: GroupKind, names: Sequence[str], limits: GroupLimits, owner: int | None = None) -> Iterator[Held]:
    """Groups of a kind for one run: what the programs with these names may use. They are gone at the end.

    `owner`: the user whose processes may join them, if that is another than this one.

    Raises:
        OSError: the kernel refuses them.
    """
    if kind == "v1":
        with run_groups(names, limits, owner) as groups:
            yield Held(tuple(groups.mounts))
    elif kind == "systemd":
        environment = {name: os.environ[name] for name in _SESSION if name in os.environ}
        yield Held((read_only(ROOT),), _systemd_words(limits), environment)
    else:
        yield NOT_HELD


def _systemd_words(limits: GroupLimits) -> tuple[str, ...]:
    """Begins a command that runs in a group of version 2: a scope of the user's systemd; for root, of the system's."""
    return (
        *("systemd-run", *(() if is_root() else ("--user",)), "--scope", "--quiet", "--collect"),
        # With it systemd leaves the rest of the group alone when the kernel ends one of its processes.
        *("-p", "Delegate=yes"),
        *("-p", f"MemoryMax={limits.submission_bytes}", "-p", f"TasksMax={limits.submission_tasks}"),
        *("--", "env", *(word for name in _SESSION for word in ("-u", name))),
    )


@cache
def group_kind() -> GroupKind:
    """Which groups can be used here, after a trial. Removes what runs that were killed have left of them."""
    try:
        remove_groups_of_killed_runs()
        with run_groups(["trial"], _TRIAL):
            return "v1"
    except OSError:
        return "systemd" if _systemd_makes_scopes() else "none"


def _systemd_makes_scopes() -> bool:
    try:
        controllers = (ROOT / "cgroup.controllers").read_text(encoding="ascii").split()
    except OSError:
        return False
    if not {"memory", "pids"} <= set(controllers) or shutil.which("systemd-run") is None:
        return False
    command = [*_systemd_words(_TRIAL), "true"]
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TRIAL_TIMEOUT, check=False
        )
        return done.returncode == 0
    return False


def remove_groups_of_killed_runs() -> None:
    for group in groups_here():
        if not _is_alive(owner_of(group), int(group.name.split(".")[2])):
            _removed(group)


def groups_here() -> list[Path]:
    """The folders of all runs in version 1, of those that were killed too."""
    return [
        Path(where, name)
        for hierarchy in ("memory", "pids")
        for where, names, _ in os.walk(ROOT / hierarchy)
        for name in names
        if name.startswith(_PREFIX)
    ]


def owner_of(group: Path) -> int:
    """The pid of the run that made a group."""
    return int(group.name.split(".")[1])


def _is_alive(pid: int, created: int) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - created) < 2
    except psutil.NoSuchProcess:
        return False


def _own_folder(hierarchy: str) -> Path:
    """The folder of this process's own group: limits of what is above hold for its new groups as well."""
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if hierarchy in controllers.split(",") and (folder := ROOT / hierarchy / path.lstrip("/")).is_dir():
            return folder
    return ROOT / hierarchy


def _removed(group: Path) -> bool:
    """Whether a group with its parts is gone now. The kernel's own files in it go with it."""
    try:
        for part in [*(path for path in group.iterdir() if path.is_dir()), group]:
            part.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
