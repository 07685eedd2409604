"""The services of a stack, in each way to run them: embedded, in Docker, or external."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from configs.errors import KitError
from scripts.services import kafka, postgres
from scripts.services.outcome import Outcome
from scripts.services.stack import Stack

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
    """Postgres and Kafka of one stack. Each call may be repeated."""

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


def services_of(stack: Stack) -> Services:
    """The services of this stack, by its `services`."""
    kinds: dict[str, Callable[[Stack], Services]] = {"embedded": Embedded, "docker": Docker, "external": External}
    return kinds[stack.services](stack)


@dataclass(frozen=True)
class Embedded:
    """Run by the kit itself, on this machine."""

    stack: Stack

    def up(self) -> list[Outcome]:
        """Both start side by side. If one cannot, the other is stopped, unless it was up before."""
        starts = {kafka: kafka.begin_up(self.stack)}  # first: Java takes longest
        try:
            starts[postgres] = postgres.begin_up(self.stack)
            return [starts[service].wait() for service in (postgres, kafka)]
        except BaseException:
            for service, start in starts.items():
                if start.is_new:
                    service.down(self.stack)
            raise

    def down(self) -> list[str]:
        waits = {"Kafka": kafka.begin_down(self.stack), "Postgres": postgres.begin_down(self.stack)}
        return [f"{name} {'has stopped' if wait() else 'was not running'}" for name, wait in waits.items()]

    def remove(self) -> None:
        kafka.remove(self.stack)
        postgres.remove(self.stack)

    def ports(self) -> tuple[Port, ...]:
        broker = self.stack.settings.kafka.first_broker[1]
        return (
            Port("Postgres", postgres.NAME, self.stack.settings.postgres.port, "postgres.port"),
            Port("Kafka", kafka.NAME, broker, "kafka.brokers"),
            Port("Kafka's controller", kafka.NAME, broker + 1, "kafka.brokers"),
        )

    def status(self) -> tuple[ServiceStatus, ...]:
        return _statuses(self.stack, "down")


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
        return _statuses(self.stack, "external")


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
        return _statuses(self.stack, "external")

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
    return [
        Outcome(f"Postgres answers at {settings.postgres.host}:{settings.postgres.port}, {where}", changed=False),
        Outcome(f"Kafka answers at {settings.kafka.brokers}, {where}", changed=False),
    ]


def _statuses(stack: Stack, otherwise: str) -> tuple[ServiceStatus, ...]:
    settings = stack.settings
    addresses = {
        postgres.NAME: f"{settings.postgres.host}:{settings.postgres.port}",
        kafka.NAME: settings.kafka.brokers,
    }
    found = {name: stack.pid_file(name).process() for name in addresses}
    return tuple(
        ServiceStatus(name, otherwise if found[name] is None else "up", found[name], address)
        for name, address in addresses.items()
    )
