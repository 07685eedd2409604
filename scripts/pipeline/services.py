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
from typing import Protocol

import psutil

from configs.errors import KitError
from configs.settings import Settings
from configs.spark_master import SCHEME
from scripts.services import kafka, postgres, s3, spark_cluster
from scripts.services.optional_jars import require_optional_jars
from scripts.services.outcome import Outcome, Start
from scripts.services.ports import Listener, find_listener, is_free
from scripts.services.stack import Stack, has_own_s3

SPARK = "Spark's cluster"
_AS_NAMED = "as the config names it"
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
    """Postgres, Kafka and, where the config names them, Spark's cluster and S3. Each call may be repeated."""

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


class _Service(Protocol):
    """A module of scripts.services that runs one on this machine."""

    def require_startable(self, stack: Stack) -> None: ...
    def begin_up(self, stack: Stack) -> Start: ...
    def down(self, stack: Stack) -> bool: ...
    def begin_down(self, stack: Stack) -> Callable[[], bool]: ...
    def remove(self, stack: Stack) -> None: ...


@dataclass(frozen=True)
class Embedded:
    """Run by the kit itself, on this machine. Kafka, Spark's cluster and S3 only if their addresses are here."""

    stack: Stack

    def _services(self) -> dict[str, _Service]:
        """The title of each -> what runs it. The first to start is the one that takes longest."""
        own_s3: dict[str, _Service] = {"S3": s3} if has_own_s3(self.stack.settings) else {}
        spark: dict[str, _Service] = {SPARK: spark_cluster} if spark_cluster.nodes(self.stack) else {}
        own_kafka: dict[str, _Service] = {"Kafka": kafka} if kafka.brokers(self.stack) else {}
        return {**own_kafka, **spark, **own_s3, "Postgres": postgres}

    def up(self) -> list[Outcome]:
        """All start side by side. If one cannot, the others are stopped, unless they were up before."""
        others = [(port, listener) for port, listener in self.foreign() if listener.folder is not None]
        if others:
            raise KitError(explain_foreign(self.stack, others))
        services = self._services()
        for service in reversed(services.values()):
            service.require_startable(self.stack)
        answers = [_require_s3(self.stack)] if self._uses_other_s3 else []
        if "Kafka" not in services:
            answers.append(_require_kafka(self.stack.settings, _AS_NAMED))
        if SPARK not in services:
            answers += _spark_answers(self.stack.settings, _AS_NAMED)
        starts: dict[str, Start] = {}
        try:
            for title, service in services.items():
                starts[title] = service.begin_up(self.stack)
            return [*(starts[title].wait() for title in reversed(services)), *answers]
        except BaseException:
            for title, start in starts.items():
                if start.is_new:
                    services[title].down(self.stack)
            raise

    @property
    def _uses_other_s3(self) -> bool:
        return self.stack.settings.on_s3 and not has_own_s3(self.stack.settings)

    def down(self) -> list[str]:
        named = self._services()
        services: dict[str, _Service] = {
            **named,
            "S3": s3,  # these two also where only an earlier config has named them
            SPARK: spark_cluster,
        }
        waits = {title: service.begin_down(self.stack) for title, service in services.items()}
        stopped = {title: wait() for title, wait in waits.items()}
        return [
            f"{title} {'has stopped' if was_up else 'was not running'}"
            for title, was_up in stopped.items()
            if was_up or title in named
        ]

    def remove(self) -> None:
        for service in (kafka, postgres, s3, spark_cluster):
            service.remove(self.stack)

    def ports(self) -> tuple[Port, ...]:
        ports = [Port("Postgres", postgres.NAME, self.stack.settings.postgres.port, "postgres.port")]
        for node in kafka.brokers(self.stack):
            ports.append(Port(node.title, node.name, node.port, "kafka.brokers"))
            ports.append(Port("Kafka's controller", node.name, node.controller, "kafka.brokers"))
        for part in spark_cluster.nodes(self.stack):
            ports += [Port(part.title, part.name, number, "spark.master") for number in part.ports]
        if has_own_s3(self.stack.settings):
            ports.append(Port("S3", s3.NAME, s3.port_of(self.stack.settings), "s3.endpoint"))
        return tuple(ports)

    def status(self) -> tuple[ServiceStatus, ...]:
        settings = self.stack.settings.postgres
        addresses = {postgres.NAME: f"{settings.host}:{settings.port}"}
        addresses |= {node.name: f"{node.host}:{node.port}" for node in kafka.brokers(self.stack)}
        parts = spark_cluster.nodes(self.stack)
        addresses |= {part.name: f"http://{spark_cluster.HOST}:{part.web}" for part in parts}
        elsewhere = {} if parts else dict(_spark_address(self.stack.settings))
        if not kafka.brokers(self.stack):
            elsewhere[kafka.NAME] = self.stack.settings.kafka.brokers
        if self._uses_other_s3:
            elsewhere |= _s3_address(self.stack.settings)
        else:
            addresses |= _s3_address(self.stack.settings)
        return (*_statuses(self.stack, addresses, "down"), *_statuses(self.stack, elsewhere, "external"))

    def foreign(self) -> list[tuple[Port, Listener]]:
        ports = [port for port in self.ports() if self.stack.pid_file(port.name).process() is None]
        return [(port, find_listener(port.number)) for port in ports if not _may_listen(port.number)]


@dataclass(frozen=True)
class External:
    """The services that the config names. The kit does not start or stop them."""

    stack: Stack

    def up(self) -> list[Outcome]:
        return _require_answers(self.stack, _AS_NAMED)

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
    answers = [
        Outcome(f"Postgres answers at {settings.postgres.host}:{settings.postgres.port}, {where}", changed=False),
        _require_kafka(settings, where),
        *([_require_s3(stack)] if settings.on_s3 else []),
    ]
    return answers + _spark_answers(settings, where)


def _require_kafka(settings: Settings, where: str) -> Outcome:
    """The answer of a Kafka that the kit does not run.

    Raises:
        KitError: none.
    """
    kafka.require_broker(settings.kafka)
    return Outcome(f"Kafka answers at {settings.kafka.brokers}, {where}", changed=False)


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


def _require_s3(stack: Stack) -> Outcome:
    """The answer of an S3 that the kit does not run.

    Raises:
        KitError: none, or the jars for it are missing.
    """
    require_optional_jars(stack.settings)
    s3.require_answer(stack.settings)
    return Outcome(f"S3 answers at {s3.address(stack.settings)}, as the config names it", changed=False)


def _s3_address(settings: Settings) -> Mapping[str, str]:
    return {s3.NAME: s3.address(settings)} if settings.on_s3 else {}


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
    more = ""
    if spark_cluster.is_local(settings.spark):
        count = 2 + spark_cluster.WORKERS  # the master's own, and one for the pages of each part
        taken = {new, *range(at, at + needed)}
        port = _free_ports(count, spark_cluster.port(settings.spark) + count, taken)
        more = f"\n  spark:\n    master: spark://{spark_cluster.HOST}:{port}"
    if has_own_s3(settings):
        port = _free_ports(1, max(s3.port_of(settings), at + needed - 1) + 1, {new})
        more += f"\n  s3:\n    endpoint: http://127.0.0.1:{port}"
    return (
        f"  postgres:\n    jdbc_url: {settings.postgres.jdbc_url.replace(f':{old}/', f':{new}/')}\n    port: {new}\n"
        f"  kafka:\n    brokers: {brokers}{more}"
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
        **_s3_address(settings),
    }


def _spark_address(settings: Settings) -> Mapping[str, str]:
    return {spark_cluster.MASTER: settings.spark.master} if settings.spark.is_cluster else {}


def _statuses(stack: Stack, addresses: Mapping[str, str], otherwise: str) -> tuple[ServiceStatus, ...]:
    found = {name: stack.pid_file(name).process() for name in addresses}
    return tuple(
        ServiceStatus(name, otherwise if found[name] is None else "up", found[name], address)
        for name, address in addresses.items()
    )
