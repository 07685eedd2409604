"""Debezium's Postgres connector in a standalone Kafka Connect, for comparison in the backlog benchmark.

Its jars are resolved once by pyspark's Ivy, kept in the user's cache next to the kit's, and checked against
debezium.sha256. It reads the write-ahead log, so Postgres must run with wal_level=logical.
"""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyspark

from configs.contract import table_spellings
from configs.errors import KitError
from configs.settings import Settings
from scripts.bench.subject import Subject, running
from scripts.pipeline.temporary_stack import held_ports
from scripts.services import postgres
from scripts.services.jars import cache_folder, sha256
from scripts.services.java import require_java
from scripts.services.stack import Stack
from scripts.services.truststore import trust_options

NAME = "debezium"
_HERE = Path(__file__)
_PREFIX = "orders"  # of its topics
_LOGGING = Path(postgres.__file__).with_name("log4j2.properties")


def ensure_jars() -> list[Path]:
    """The jars of Connect and the connector; downloaded if one is missing.

    Raises:
        KitError: one could not be downloaded, or differs from its pin.
    """
    pins = [line.split() for line in _HERE.with_suffix(".sha256").read_text(encoding="utf-8").splitlines()]
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all((folder / path).is_file() for _, path in pins):
            _fetch(folder)
    for digest, path in pins:
        if not (folder / path).is_file() or sha256(folder / path) != digest:
            raise KitError(
                f"{folder / path} is missing or is not the jar that debezium.sha256 pins. Delete it and run this again."
            )
    return [folder / path for _, path in pins]


def _fetch(folder: Path) -> None:
    java = require_java().executable
    ivy = next(Path(pyspark.__file__).parent.glob("jars/ivy-*.jar"))
    with tempfile.TemporaryDirectory(prefix="food-orders-ivy-") as scratch:
        command: list[str | Path] = [
            java,
            *trust_options(java, Path(scratch)),
            "-jar",
            ivy,
            "-ivy",
            _HERE.with_suffix(".xml"),
        ]
        command += ["-m2compatible", "-cache", scratch, "-types", "jar", "bundle", "-confs", NAME]
        command += ["-retrieve", f"{folder}/[conf]/[artifact]-[revision].[ext]"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise KitError(
            f"Downloading Debezium's jars failed. Is there a network? The end of Ivy's output:\n{done.stdout[-500:]}"
        )


def enable_logical_decoding(stack: Stack) -> None:
    """Restart the stack's Postgres with wal_level=logical."""
    with contextlib.closing(postgres.connect(stack.settings.postgres)) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET wal_level = logical")
    postgres.down(stack)
    postgres.up(stack)


def topic(settings: Settings) -> str:
    """Where the connector publishes the orders table."""
    return f"{_PREFIX}.public.{settings.postgres.table}"


@contextlib.contextmanager
def running_connector(stack: Stack, changes: Mapping[str, str] | None = None) -> Iterator[Subject]:
    """Run the connector on the stack: first a snapshot of the table, then what is inserted.

    `changes`: properties of the connector that override those of `_connector`.
    """
    with held_ports(1) as port, running(stack, NAME, _command(stack, port, changes or {})) as subject:
        yield subject


def _command(stack: Stack, port: int, changes: Mapping[str, str]) -> list[str | Path]:
    """The command of a worker whose REST interface listens on `port`; its properties are written first."""
    folder = stack.home / NAME
    folder.mkdir(parents=True, exist_ok=True)
    worker = {
        "bootstrap.servers": stack.settings.kafka.brokers,
        "offset.storage.file.filename": str(folder / "offsets"),
        "listeners": f"http://127.0.0.1:{port}",
    }
    files = [folder / "worker.properties", folder / "connector.properties"]
    common = _HERE.with_suffix(".properties").read_text(encoding="utf-8")
    files[0].write_text(common + _lines(worker), encoding="utf-8")
    files[1].write_text(_lines({**_connector(stack.settings), **changes}), encoding="utf-8")
    memory = [f"-Xmx{stack.settings.spark.driver_memory}", "-XX:+UseSerialGC"]  # as for the two Spark programs
    options = [*memory, "-Duser.timezone=UTC", f"-Dlog4j2.configurationFile={_LOGGING.as_uri()}"]
    jars = ":".join(map(str, ensure_jars()))
    return [require_java().executable, *options, "-cp", jars, "org.apache.kafka.connect.cli.ConnectStandalone", *files]


def _connector(settings: Settings) -> dict[str, str]:
    source = settings.postgres
    return {
        "name": NAME,
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "plugin.name": "pgoutput",
        "publication.autocreate.mode": "filtered",
        "database.hostname": source.host,
        "database.port": str(source.port),
        "database.dbname": source.db,
        "database.user": source.user,
        "database.password": source.password,
        "topic.prefix": _PREFIX,
        "table.include.list": "public." + table_spellings(source.table)[0].strip('"'),
        "topic.creation.default.partitions": str(settings.kafka.partitions),
        "topic.creation.default.replication.factor": "1",
        # Only the row, without its earlier values and its source.
        "transforms": "unwrap",
        "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
        "decimal.handling.mode": "double",
    }


def _lines(properties: Mapping[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in properties.items())
