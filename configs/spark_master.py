"""A Spark standalone cluster, as its master reports it: the workers, and the cores that each application has."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from configs.wording import counted

SCHEME = "spark://"
USUAL_WEB_PORT = 8080  # of a master that somebody else has started
TIMEOUT = 1.0  # seconds


@dataclass(frozen=True)
class Worker:
    """A worker: its state ("ALIVE", "DEAD", ...), its cores, and how many of them no application has."""

    id: str
    state: str
    cores: int
    free_cores: int


@dataclass(frozen=True)
class Application:
    """An application that has not ended. Without cores it waits."""

    id: str
    name: str
    cores: int

    @property
    def is_waiting(self) -> bool:
        return self.cores == 0


@dataclass(frozen=True)
class Cluster:
    """What the master knows."""

    workers: tuple[Worker, ...]
    applications: tuple[Application, ...]

    @property
    def alive(self) -> int:
        """How many workers are alive."""
        return sum(worker.state == "ALIVE" for worker in self.workers)

    @property
    def free_cores(self) -> int:
        return sum(worker.free_cores for worker in self.workers if worker.state == "ALIVE")

    @property
    def holders(self) -> str:
        """Which applications have how many cores, in words."""
        held = [f"{one.name} ({counted(one.cores, 'core')})" for one in self.applications if not one.is_waiting]
        return ", ".join(held) or "no application"


def why_waiting(cluster: Cluster, application_id: str = "") -> str:
    """Why an application has no executor, and what to do. `application_id` empty: of one that has no cores."""
    cores = next((one.cores for one in cluster.applications if one.id == application_id), 0)
    if cores:
        return (
            f"it has {counted(cores, 'core')}, but its executor has not started. If it does not within a minute, its "
            "log says why: `make logs`"
        )
    if not cluster.alive:
        return "no worker is alive. `make up` starts those of this machine"
    if cluster.free_cores:
        return (
            f"{counted(cluster.free_cores, 'core')} of {counted(cluster.alive, 'worker')} free, and it gets none. Its "
            "executors need more memory than a worker has (spark.executor_memory), or end at once: `make logs`"
        )
    return (
        f"all cores are taken, by {cluster.holders}. Lower spark.cores, stop the programs of the other clone (`make "
        "stop` there), or add a worker"
    )


def addresses(master: str) -> tuple[tuple[str, int], ...]:
    """Host and port of each master that a spark:// address names; empty for any other address."""
    if not master.startswith(SCHEME):
        return ()
    parts = (part.rpartition(":") for part in master.removeprefix(SCHEME).split(","))
    return tuple((host, int(port)) for host, _, port in parts if port.isdigit())


def answers(master: str) -> bool:
    """Whether one of the masters that a spark:// address names takes connections."""
    for address in addresses(master):
        with contextlib.suppress(OSError):
            socket.create_connection(address, timeout=TIMEOUT).close()
            return True
    return False


def web_port(port: int) -> int:
    """The port of the web pages of a master that this kit has started at `port`."""
    return port + 1


def find_cluster(master: str) -> Cluster | None:
    """What the master of a spark:// address reports; None if its web pages are not where they usually are."""
    for host, port in addresses(master):
        for candidate in (web_port(port), USUAL_WEB_PORT):
            found = read_cluster(host, candidate, port)
            if found is not None:
                return found
    return None


def read_cluster(host: str, port: int, master_port: int) -> Cluster | None:
    """What the web pages at host and port report; None without an answer, or if the master has another port."""
    import http.client  # here: only a program on a cluster needs it

    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)  # it uses no proxy
    try:
        with contextlib.closing(connection):
            connection.request("GET", "/json/")
            found = json.loads(connection.getresponse().read())
        if not found["url"].endswith(f":{master_port}") or found["status"] != "ALIVE":
            return None
        return Cluster(tuple(_workers(found["workers"])), tuple(_applications(found["activeapps"])))
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return None


def _workers(found: list[dict[str, Any]]) -> Iterator[Worker]:
    for one in found:
        yield Worker(one["id"], one["state"], one["cores"], one["coresfree"])


def _applications(found: list[dict[str, Any]]) -> Iterator[Application]:
    for one in found:
        yield Application(one["id"], one["name"], one["cores"])
