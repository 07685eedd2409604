"""Which services and programs run, and how much memory they have."""

from __future__ import annotations

import contextlib
import time

import psutil

from configs.wording import counted
from scripts.pipeline import programs
from scripts.pipeline.services import explain_foreign, services_of
from scripts.services import spark_cluster
from scripts.services.processes import family_memory
from scripts.services.stack import OURS, PROGRAM_NAMES, Stack
from scripts.watch.snapshot import WAITS, Processes, Running

SLOW_INTERVAL = 5.0  # seconds between two looks at what takes long: memory, who uses the ports, Spark's cluster


class ProcessWatch:
    """The processes of a stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._looked_at = -SLOW_INTERVAL
        self._memory: dict[int, int] = {}
        self._taken: dict[str, str] = {}
        self._warning = ""
        self._applications: tuple[Running, ...] = ()

    def read(self) -> Processes:
        if time.monotonic() - self._looked_at >= SLOW_INTERVAL:
            self._looked_at = time.monotonic()
            self._memory = {}
            self._look_at_ports()
            self._applications = _applications(self._stack)
        services = [
            self._running(one.name, one.state, one.process, one.address) for one in services_of(self._stack).status()
        ]
        running = (*services, *map(self._program, PROGRAM_NAMES), *self._applications)
        return Processes(running, self._taken, self._warning)

    def _look_at_ports(self) -> None:
        foreign = services_of(self._stack).foreign()
        self._taken = {port.name: f"not asked: port {port.number} is in use{listener}" for port, listener in foreign}
        self._warning = explain_foreign(self._stack, foreign) if foreign else ""

    def _program(self, name: str) -> Running:
        process = self._stack.pid_file(name).process()
        elsewhere = process is None and programs.is_running(self._stack, name)
        state = "up, in another terminal" if elsewhere else "down" if process is None else "up"
        return self._running(name, state, process, whose(self._stack, name))

    def _running(self, name: str, state: str, process: psutil.Process | None, about: str) -> Running:
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                memory = self._memory.get(process.pid)
                if memory is None:
                    memory = self._memory[process.pid] = family_memory(process)
                return Running(name, state, process.pid, process.create_time(), memory, about)
        return Running(name, state, about=about)


def _applications(stack: Stack) -> tuple[Running, ...]:
    """What has cores of Spark's cluster, or waits for them, whoever started it."""
    cluster = spark_cluster.cluster(stack)
    return tuple(
        Running(one.name, WAITS if one.is_waiting else "has " + counted(one.cores, "core"), about=f"on Spark, {one.id}")
        for one in (cluster.applications if cluster else ())
    )


def whose(stack: Stack, name: str) -> str:
    """Whose program runs under this name; empty for the kit's own, or if it does not run."""
    found = programs.running_pipeline(stack, name)
    if found is None:
        return ""
    pipeline, _, owner = found.rpartition(", programs ")
    if pipeline != programs.pipeline_of(stack).rpartition(", programs ")[0]:
        return f"of another pipeline: {found}"
    return "" if owner == OURS.name else f"of {owner}"
