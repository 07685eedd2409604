"""The services of a stack, in each way to run them: embedded, in Docker, or external."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol

import psutil

from configs.errors import KitError
from configs.settings import Settings
from configs.spark_master import SCHEME
from scripts.services import kafka, postgres, spark_cluster
from scripts.services.jars import cache_folder
from scripts.services.outcome import Outcome, Start
from scripts.services.ports import Listener, find_listener, is_free
from scripts.services.stack import Stack

SPARK = "Spark's cluster"
COMPOSE_FILE = Path(__file__).with_name("docker-compose.yml")


@dataclass(frozen=True)
class Port:
    """A port of a service: the service's name, the name of its pid file, the port, and the config's key."""

    service: str
    name: str
    number: int
    key: str


@dataclass(frozen=True)
class ServiceStatus:
    """One service: "up", "down" or "external"; its process if the kit runs it; its address."""

    name: str
    state: str
    process: psutil.Process | None
    address: str


class Services(Protocol):
    """Postgres, Kafka and, if the config names one, Spark's cluster of one stack. Each call may be repeated."""

    def up(self) -> list[Outcome]:
        """Start each service that does not run.

        Raises:
            KitError: a service cannot start or does not answer.
        """
        ...

    def down(self) -> list[str]:
        """Stop what `up` started, keeping its data; a line for each service."""
        ...

    def remove(self) -> None:
        """Remove the data of stopped services."""
        ...

    def ports(self) -> tuple[Port, ...]:
        """The ports that must be free before `up`."""
        ...

    def status(self) -> tuple[ServiceStatus, ...]: ...

    def foreign(self) -> list[tuple[Port, Listener]]:
        """The ports of services that this stack should have started and did not, and who listens there."""
        ...


def services_of(stack: Stack) -> Services:
    """The services of this stack, by its `services`."""
    kinds: dict[str, Callable[[Stack], Services]] = {"embedded": Embedded, "docker": Docker, "external": External}
    return kinds[stack.services](stack)


@dataclass(frozen=True)
class Embedded:
    """Run by the kit itself, on this machine."""

    stack: Stack

    def up(self) -> list[Outcome]:
        """All start side by side. If one cannot, the others are stopped, unless they were up before."""
        others = [(port, listener) for port, listener in self.foreign() if listener.folder is not None]
        if others:
            raise KitError(explain_foreign(self.stack, others))
        # Java takes longest. So Kafka and Spark are launched first, and Spark's workers need a master that answers.
        launched = [kafka, *([spark_cluster] if spark_cluster.nodes(self.stack) else []), postgres]
        for service in launched:
            service.require_startable(self.stack)
        starts: dict[ModuleType, Start] = {}
        try:
            for service in launched:
                starts[service] = service.begin_up(self.stack)
            outcomes = {service: starts[service].wait() for service in reversed(launched)}
            lines = [outcomes[service] for service in (postgres, kafka, spark_cluster) if service in outcomes]
            is_ours = spark_cluster in launched
            return lines if is_ours else lines + _spark_answers(self.stack.settings, "as the config names it")
        except BaseException:
            for service, start in starts.items():
                if start.is_new:
                    service.down(self.stack)
            raise

    def down(self) -> list[str]:
        services = {"Kafka": kafka, "Postgres": postgres, SPARK: spark_cluster}
        waits = {name: service.begin_down(self.stack) for name, service in services.items()}
        stopped = {name: wait() for name, wait in waits.items()}
        if not spark_cluster.nodes(self.stack) and not stopped[SPARK]:
            del stopped[SPARK]  # most configs name none
        return [f"{name} {'has stopped' if was_up else 'was not running'}" for name, was_up in stopped.items()]

    def remove(self) -> None:
        for service in (kafka, postgres, spark_cluster):
            service.remove(self.stack)

    def ports(self) -> tuple[Port, ...]:
        ports = [Port("Postgres", postgres.NAME, self.stack.settings.postgres.port, "postgres.port")]
        for node in kafka.brokers(self.stack):
            ports.append(Port(node.title, node.name, node.port, "kafka.brokers"))
            ports.append(Port("Kafka's controller", node.name, node.controller, "kafka.brokers"))
        for part in spark_cluster.nodes(self.stack):
            ports += [Port(part.title, part.name, number, "spark.master") for number in part.ports]
        return tuple(ports)

    def status(self) -> tuple[ServiceStatus, ...]:
        settings = self.stack.settings.postgres
        addresses = {postgres.NAME: f"{settings.host}:{settings.port}"}
        addresses |= {node.name: f"{node.host}:{node.port}" for node in kafka.brokers(self.stack)}
        parts = spark_cluster.nodes(self.stack)
        addresses |= {part.name: f"http://{spark_cluster.HOST}:{part.web}" for part in parts}
        elsewhere = () if parts else _statuses(self.stack, _spark_address(self.stack.settings), "external")
        return (*_statuses(self.stack, addresses, "down"), *elsewhere)

    def foreign(self) -> list[tuple[Port, Listener]]:
        ports = [port for port in self.ports() if self.stack.pid_file(port.name).process() is None]
        return [(port, find_listener(port.number)) for port in ports if not _may_listen(port.number)]


@dataclass(frozen=True)
class External:
    """The services that the config names. The kit does not start or stop them."""

    stack: Stack

    def up(self) -> list[Outcome]:
        return _require_answers(self.stack, "as the config names it")

    def down(self) -> list[str]:
        return ["Postgres and Kafka are external: the kit does not stop them"]

    def remove(self) -> None:
        """External services keep their data."""

    def ports(self) -> tuple[Port, ...]:
        return ()

    def status(self) -> tuple[ServiceStatus, ...]:
        return _statuses(self.stack, _addresses(self.stack.settings), "external")

    def foreign(self) -> list[tuple[Port, Listener]]:
        return []


@dataclass(frozen=True)
class Docker:
    """Postgres, Kafka and Spark of docker-compose.yml."""

    stack: Stack

    def up(self) -> list[Outcome]:
        self._compose("up", "--detach", "--wait")
        return _require_answers(self.stack, "in Docker")

    def down(self) -> list[str]:
        self._compose("down")
        return ["Postgres, Kafka and Spark in Docker have stopped; their data is kept in volumes"]

    def remove(self) -> None:
        self._compose("down", "--volumes")

    def ports(self) -> tuple[Port, ...]:
        return ()

    def status(self) -> tuple[ServiceStatus, ...]:
        return _statuses(self.stack, _addresses(self.stack.settings), "external")

    def environment(self) -> Mapping[str, str]:
        """The variables of docker-compose.yml, from the config."""
        settings = self.stack.settings
        return {
            "POSTGRES_DB": settings.postgres.db,
            "POSTGRES_USER": settings.postgres.user,
            "POSTGRES_PASSWORD": settings.postgres.password,
            "POSTGRES_PORT": str(settings.postgres.port),
            "KAFKA_HOST": settings.kafka.first_broker[0],
            "KAFKA_PORT": str(settings.kafka.first_broker[1]),
            "KIT_FOLDER": str(settings.root),
            "JARS_FOLDER": str(cache_folder()),
        }

    def foreign(self) -> list[tuple[Port, Listener]]:
        return []

    def _compose(self, *words: str) -> None:
        if shutil.which("docker") is None:
            raise KitError(
                "SERVICES=docker needs Docker, but there is no `docker` on this machine. Install it, or use the "
                "default, SERVICES=embedded, which needs no Docker."
            )
        command = ["docker", "compose", "--file", str(COMPOSE_FILE), "--project-name", "food-orders-kit", *words]
        done = subprocess.run(command, env={**os.environ, **self.environment()}, check=False)
        if done.returncode:
            raise KitError(f"`docker compose {words[0]}` failed. Its output is above. Is the Docker engine running?")


def _require_answers(stack: Stack, where: str) -> list[Outcome]:
    settings = stack.settings
    with contextlib.closing(postgres.require_connection(settings.postgres)):
        pass
    kafka.require_broker(settings.kafka)
    answers = [
        Outcome(f"Postgres answers at {settings.postgres.host}:{settings.postgres.port}, {where}", changed=False),
        Outcome(f"Kafka answers at {settings.kafka.brokers}, {where}", changed=False),
    ]
    return answers + _spark_answers(settings, where)


def _spark_answers(settings: Settings, where: str) -> list[Outcome]:
    """A line for a cluster that the kit does not start.

    Raises:
        KitError: it does not answer.
    """
    address = settings.spark.master
    if not address.startswith(SCHEME):
        return []
    spark_cluster.require_master(settings.spark)
    return [Outcome(f"Spark answers at {address}, {where}", changed=False)]


def _may_listen(port: int) -> bool:
    try:
        return is_free(port)
    except PermissionError:  # nothing of ours listens there either
        return True


def require_own(stack: Stack) -> None:
    """Make sure that no program listens in the place of this stack's services: it would be used silently.

    Raises:
        KitError: one does.
    """
    foreign = services_of(stack).foreign()
    if foreign:
        raise KitError(explain_foreign(stack, foreign))


def explain_foreign(stack: Stack, found: Sequence[tuple[Port, Listener]]) -> str:
    """Who listens in the place of this stack's services, and what to do about it."""
    lines = [
        f"{port.service} of this clone is down, and its port {port.number} is in use{listener}."
        for port, listener in found
    ]
    own = [listener.pid for _, listener in found if listener.folder == stack.settings.root]
    clones = sorted({str(listener.folder) for _, listener in found if listener.folder})
    if own:
        lines.append(f"It is from here, but its record in {stack.home / 'run'} is gone. Stop it: kill -INT {own[0]}")
    elif clones:
        lines.append(f"Stop it there: make -C {shlex.quote(clones[0])} down")
    return "\n".join(
        [
            *lines,
            f"Or give this clone other ports, in {stack.settings.source}:",
            _other_ports(stack.settings),
            "Or use what is there on purpose: make ... SERVICES=external",
        ]
    )


def _other_ports(settings: Settings) -> str:
    """The lines of the config with ports that are free now."""
    addresses = settings.kafka.addresses
    first = max(port for _, port in addresses) + 2
    old = settings.postgres.port
    new = _free_ports(1, old + 1, ())
    needed = 2 * len(addresses)  # each broker's, then each controller's
    at = _free_ports(needed, first, {new})
    brokers = ",".join(f"{host}:{at + number}" for number, (host, _) in enumerate(addresses))
    spark = ""
    if spark_cluster.is_local(settings.spark):
        count = 2 + spark_cluster.WORKERS  # the master's own, and one for the pages of each part
        taken = {new, *range(at, at + needed)}
        at = _free_ports(count, spark_cluster.port(settings.spark) + count, taken)
        spark = f"\n  spark:\n    master: spark://{spark_cluster.HOST}:{at}"
    return (
        f"  postgres:\n    jdbc_url: {settings.postgres.jdbc_url.replace(f':{old}/', f':{new}/')}\n    port: {new}\n"
        f"  kafka:\n    brokers: {brokers}{spark}"
    )


def _free_ports(count: int, first: int, taken: Collection[int]) -> int:
    """The first of `count` ports in a row, from `first` on, which are free now and not `taken`."""
    return next(
        port
        for port in range(first, 65_000)
        if all(each not in taken and _may_listen(each) for each in range(port, port + count))
    )


def _addresses(settings: Settings) -> Mapping[str, str]:
    """Name of a pid file -> where the service answers, for services that the kit does not run itself."""
    return {
        postgres.NAME: f"{settings.postgres.host}:{settings.postgres.port}",
        kafka.NAME: settings.kafka.brokers,
        **_spark_address(settings),
    }


def _spark_address(settings: Settings) -> Mapping[str, str]:
    return {spark_cluster.MASTER: settings.spark.master} if settings.spark.is_cluster else {}


def _statuses(stack: Stack, addresses: Mapping[str, str], otherwise: str) -> tuple[ServiceStatus, ...]:
    found = {name: stack.pid_file(name).process() for name in addresses}
    return tuple(
        ServiceStatus(name, otherwise if found[name] is None else "up", found[name], address)
        for name, address in addresses.items()
    )
