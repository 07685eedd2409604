"""`make up` and `make down`: the services of a stack, whichever way they are run."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from configs.errors import KitError
from scripts.services import kafka, postgres
from scripts.services.outcome import Outcome
from scripts.services.stack import Stack

COMPOSE_FILE = Path(__file__).with_name("docker-compose.yml")


def up(stack: Stack) -> list[Outcome]:
    """Start what does not run.

    Raises:
        KitError: a service cannot start, or, with SERVICES=external, does not answer.
    """
    if stack.services == "embedded":
        return [postgres.up(stack), kafka.up(stack)]
    if stack.services == "docker":
        _compose(stack, "up", "--detach", "--wait")
    settings = stack.settings
    with contextlib.closing(postgres.require_connection(settings.postgres)):
        pass
    kafka.require_broker(settings.kafka)
    where = {"docker": "in Docker", "external": "as the config names it"}[stack.services]
    return [
        Outcome(f"Postgres answers at {settings.postgres.host}:{settings.postgres.port}, {where}", changed=False),
        Outcome(f"Kafka answers at {settings.kafka.brokers}, {where}", changed=False),
    ]


def down(stack: Stack) -> list[str]:
    """Stop what `up` started, keeping its data; return a line for each service."""
    if stack.services == "external":
        return ["Postgres and Kafka are external: left as they are"]
    if stack.services == "docker":
        _compose(stack, "down")
        return ["Postgres, Kafka and Spark in Docker have stopped; their data is kept in volumes"]
    stopped = {"Kafka": kafka.down(stack), "Postgres": postgres.down(stack)}
    return [f"{name} {'has stopped' if done else 'was not running'}" for name, done in stopped.items()]


def remove_data(stack: Stack) -> None:
    """Remove the data of stopped services. External ones keep theirs."""
    if stack.services == "docker":
        _compose(stack, "down", "--volumes")
    elif stack.services == "embedded":
        kafka.remove(stack)
        postgres.remove(stack)


def compose_environment(stack: Stack) -> dict[str, str]:
    """What docker-compose.yml asks for, from the config."""
    settings = stack.settings
    return {
        "POSTGRES_DB": settings.postgres.db,
        "POSTGRES_USER": settings.postgres.user,
        "POSTGRES_PASSWORD": settings.postgres.password,
        "POSTGRES_PORT": str(settings.postgres.port),
        "KAFKA_HOST": settings.kafka.first_broker[0],
        "KAFKA_PORT": str(settings.kafka.first_broker[1]),
        "KIT_FOLDER": str(settings.root),
    }


def _compose(stack: Stack, *words: str) -> None:
    if shutil.which("docker") is None:
        raise KitError(
            "SERVICES=docker needs Docker, and there is no `docker` here. The default, embedded, needs none."
        )
    command = ["docker", "compose", "--file", str(COMPOSE_FILE), "--project-name", "food-orders-kit", *words]
    done = subprocess.run(command, env={**os.environ, **compose_environment(stack)}, check=False)
    if done.returncode:
        raise KitError(f"`docker compose {words[0]}` failed; what it said is above. Is the Docker engine running?")
