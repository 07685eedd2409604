"""Limits of a student's program, and the watch that ends it and knows why."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import psutil

from configs.wording import counted
from scripts.classroom.groups import Group, GroupLimits
from scripts.services.processes import Limits, family, family_memory

INTERVAL = 0.1  # seconds between two looks
_OTHERS_BYTES = 1536 << 20  # of a submission: what Postgres, Kafka and the worker need beside what they keep
_OTHERS_TASKS = 1000
_LARGEST_FILE = 64 << 20  # bytes; a log grows past its limit between two looks, but not past this
Cause: TypeAlias = Literal["memory", "processes", "disk", "files", "output", "time"]


@dataclass(frozen=True)
class LiveLimits:
    """What a submission may use. Memory, processes and output: of each of its programs. Disk, files: of all it writes.

    `services_bytes` is for what Postgres and Kafka keep. Seconds: of one round, and of the whole run.
    """

    memory_bytes: int = 2 << 30
    processes: int = 150
    threads: int = 600
    disk_bytes: int = 512 << 20
    files: int = 20_000
    output_bytes: int = 16 << 20
    services_bytes: int = 1 << 30
    round_seconds: float = 120.0
    total_seconds: float = 480.0

    @property
    def of_groups(self) -> GroupLimits:
        """Of control groups, where what a program writes to its folders in memory counts too."""
        return GroupLimits(
            program_bytes=self.memory_bytes + self.disk_bytes,
            program_tasks=self.threads,
            submission_bytes=2 * self.memory_bytes + self.disk_bytes + self.services_bytes + _OTHERS_BYTES,
            submission_tasks=2 * self.threads + _OTHERS_TASKS,
        )

    def of_process(self) -> Limits:
        """What the system itself holds, without a look: it stops what is faster than the watch."""
        memory, files = self.memory_bytes * 3 // 2, _LARGEST_FILE
        return {
            resource.RLIMIT_DATA: (memory, memory),
            resource.RLIMIT_FSIZE: (files, files),
            resource.RLIMIT_CORE: (0, 0),
            **({resource.RLIMIT_NPROC: (most, most)} if (most := self._nproc()) else {}),
        }

    def _nproc(self) -> int | None:
        """Threads of everything in the sandbox, services too; None where the kernel counts those outside as well."""
        version = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2] if part.isdigit())
        return self.threads + 1000 if version >= (5, 14) else None


@dataclass(frozen=True)
class Ending:
    """How a program was ended by the watch: why, how many seconds after its start, and the figure that was too high."""

    cause: Cause
    seconds: float
    figure: str

    def __str__(self) -> str:
        return f"ended by the kit after {self.seconds:.0f} s: {self.figure}"


@dataclass
class _Watched:
    process: psutil.Process
    log: Path
    group: Group | None = None
    started: float = field(default_factory=time.monotonic)


class Watch:
    """Looks at the programs of one submission again and again, and kills one that exceeds its limits.

    `writable`: the folder in memory that holds all that the submission writes; `services`: the one of Postgres and
    Kafka. None where they share a disk with others, and so cannot be measured.
    """

    def __init__(self, limits: LiveLimits, *, writable: Path | None = None, services: Path | None = None) -> None:
        self._limits = limits
        self._writable = writable
        self._services = services
        self._programs: dict[str, _Watched] = {}
        self._looking = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ended_after: dict[str, float] = {}
        self._memory_kills: Counter[Group] = Counter()  # that were seen
        self._refused_processes: Counter[Group] = Counter()
        self.endings: dict[str, Ending] = {}

    def add(self, name: str, process: psutil.Process, log: Path, group: Group | None = None) -> None:
        """Watch a program from now on. Several programs may be in one control group."""
        with self._looking:
            self._programs[name] = _Watched(process, log, group)
        if not self._thread.is_alive() and not self._stopped.is_set():
            self._thread.start()

    def stop(self) -> None:
        """Watch no more. A program that went too far since the last look, and ended itself, is found now."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self.look()

    def seconds_of(self, name: str) -> float:
        """How long a program that ended by itself has run."""
        return self._ended_after.get(name, 0.0)

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL):
            self.look()

    def look(self) -> None:
        """End what exceeds a limit now."""
        with self._looking:
            programs = dict(self._programs)
            gone = [name for name, program in programs.items() if not _is_alive(program.process)]
            # First what takes no time: thousands of processes leave this thread hardly any.
            excesses = self._of_groups(programs) or self._excesses(programs)
            for name, excess in excesses.items():
                self._end(name, programs[name], *excess)
            for name in gone:  # now that its last deeds were looked at
                self._programs.pop(name, None)
                self._ended_after[name] = time.monotonic() - programs[name].started

    def _end(self, name: str, program: _Watched, cause: Cause, figure: str) -> None:
        self.endings[name] = Ending(cause, time.monotonic() - program.started, figure)
        self._programs.pop(name, None)
        # The first is bwrap: what is in its process namespace ends with it, whatever it does and whoever started it.
        if program.group is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                program.process.kill()
            return
        members = family(program.process)
        for member in members:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        # Not the first: its exit code is its launcher's to read.
        psutil.wait_procs(members[1:], timeout=10)

    def _excesses(self, programs: Mapping[str, _Watched]) -> dict[str, tuple[Cause, str]]:
        members = {name: family(program.process) for name, program in programs.items()}
        found: dict[str, tuple[Cause, str]] = {}
        for name, program in programs.items():
            excess = self._of_program(program, members[name])
            if excess is not None:
                found[name] = excess
        shared = self._of_folders()
        # A disk stays full after the one who filled it has been ended: that is not the other program's doing.
        if (
            shared is not None
            and programs
            and not any(done.cause in ("disk", "files") for done in self.endings.values())
        ):
            guilty = max(programs, key=lambda name: sum(map(_written, members[name])))
            found.setdefault(guilty, shared)
        return found

    def _of_groups(self, programs: Mapping[str, _Watched]) -> dict[str, tuple[Cause, str]]:
        """What the kernel has done to the groups since the last look, however many processes are in them."""
        found: dict[str, tuple[Cause, str]] = {}
        for group in {program.group for program in programs.values() if program.group is not None}:
            refused = self._of_group(group)
            if refused is not None:
                inside = [name for name, program in programs.items() if program.group == group]
                gone = [name for name in inside if not _is_alive(programs[name].process)] or inside
                guilty = max(gone, key=lambda name: family_memory(programs[name].process)) if gone[1:] else gone[0]
                found[guilty] = refused
        return found

    def _of_group(self, group: Group) -> tuple[Cause, str] | None:
        """What the kernel has done to a group since the last look. Its members may have ended since."""
        limits = self._limits
        kills, refused = group.memory_kills, group.refused_processes
        is_killed, is_refused = kills > self._memory_kills[group], refused > self._refused_processes[group]
        self._memory_kills[group], self._refused_processes[group] = kills, refused
        if is_refused:
            return "processes", f"it started more than {counted(limits.threads, 'thread')}"
        if is_killed:
            return "memory", f"it used more than {_mib(limits.of_groups.program_bytes)} of memory, with what it wrote"
        return None

    def _of_program(self, program: _Watched, members: list[psutil.Process]) -> tuple[Cause, str] | None:
        limits = self._limits
        count = len(members)
        if count > limits.processes:
            return "processes", f"it started more than {counted(limits.processes, 'process', 'processes')}"
        # Children share most of their memory with their parents, and only a group counts that once.
        counted_once = program.group.memory_bytes if program.group is not None else None
        threads, memory = 0, sum(map(_resident, members)) if counted_once is None else counted_once
        for member in members:
            with contextlib.suppress(psutil.Error):
                threads += member.num_threads()
        if threads > limits.threads:
            return "processes", f"it started more than {counted(limits.threads, 'thread')}"
        if memory > limits.memory_bytes:
            return "memory", f"it used more than {_mib(limits.memory_bytes)} of memory"
        with contextlib.suppress(OSError):
            if program.log.stat().st_size > limits.output_bytes:
                return "output", f"it printed more than {_mib(limits.output_bytes)}"
        return None

    def _of_folders(self) -> tuple[Cause, str] | None:
        limits = self._limits
        for folder, most, what in (
            (self._writable, limits.disk_bytes, "it wrote more than {} to its disk"),
            (self._services, limits.services_bytes, "it filled Postgres and Kafka with more than {}"),
        ):
            if folder is None:
                continue
            status = os.statvfs(folder)
            # A full disk never shows its last page as used by a file, so 15/16 of it count as full.
            if (status.f_blocks - status.f_bfree) * status.f_frsize > most * 15 // 16:
                return "disk", what.format(_mib(most))
            if folder == self._writable and status.f_files - status.f_ffree > limits.files:
                return "files", f"it made more than {counted(limits.files, 'file')}"
        return None


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _mib(count: int) -> str:
    return f"{count >> 20} MiB"


def _written(process: psutil.Process) -> int:
    """Bytes that a process has written, to wherever it was."""
    try:
        return int(process.io_counters().write_chars)
    except (psutil.Error, AttributeError):
        return 0
