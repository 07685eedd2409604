"""An embedded Kafka 4 broker: one KRaft node on 127.0.0.1, from the jars that setup fetched."""

from __future__ import annotations

import shutil
import struct
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from configs.errors import KitError
from configs.settings import Kafka as KafkaSettings
from scripts.services.class_archive import KAFKA, archive_options, spark_package
from scripts.services.jars import jar_paths
from scripts.services.java import QUICK_START, require_java
from scripts.services.outcome import Outcome, Start
from scripts.services.ports import require_free_port
from scripts.services.processes import begin_stop, last_lines, wait_until
from scripts.services.stack import Stack, require_local

NAME = "kafka"
MEMORY = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:MaxDirectMemorySize=128m")
START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0
ANSWER_TIMEOUT = 5.0
LOGGING = Path(__file__).with_name("log4j2.properties")


def admin_client(settings: KafkaSettings) -> AdminClient:
    """An admin client that does not log about brokers it cannot reach."""
    return AdminClient({"bootstrap.servers": settings.brokers, "log_level": 0, "socket.timeout.ms": 10_000})


def answers(settings: KafkaSettings, timeout: float = 1.0) -> bool:
    """Whether a broker gives its metadata within `timeout` seconds."""
    try:
        return bool(admin_client(settings).list_topics(timeout=timeout).brokers)
    except KafkaException:
        return False


def require_broker(settings: KafkaSettings) -> None:
    """Make sure that Kafka answers.

    Raises:
        KitError: it does not.
    """
    if not answers(settings, timeout=ANSWER_TIMEOUT):
        raise KitError(
            f"Kafka does not answer at {settings.brokers}. Is it up? `make status` shows it, `make up` starts it."
        )


def up(stack: Stack) -> Outcome:
    """Start the broker if it does not run, and wait until it answers.

    Raises:
        KitError: it cannot start.
    """
    return begin_up(stack).wait()


def require_startable(stack: Stack) -> None:
    """Make sure that the broker runs, or that its address is this machine's and its ports are free.

    Raises:
        KitError: neither.
    """
    host, port = stack.settings.kafka.first_broker
    require_local(host, "kafka.brokers")
    if stack.pid_file(NAME).process() is not None:
        return
    require_free_port(port, "127.0.0.1", "Kafka", "kafka.brokers of the config")
    require_free_port(
        port + 1, "127.0.0.1", "Kafka's controller", "kafka.brokers of the config (the controller uses the next port)"
    )


def begin_up(stack: Stack) -> Start:
    """Launch the broker if it does not run.

    Raises:
        KitError: it cannot be launched.
    """
    require_startable(stack)
    settings = stack.settings.kafka
    host, port = settings.first_broker
    pid_file, log = stack.pid_file(NAME), stack.log(NAME)
    process = pid_file.process()
    if process is not None:
        known = Outcome(f"Kafka is already up on port {port} (pid {process.pid})", changed=False)
        return Start(lambda: known, is_new=False)
    folder = stack.home / NAME
    found = require_java()
    java = [str(found.executable), *MEMORY, *((QUICK_START,) if stack.short_lived else ())]
    java += [*archive_options(KAFKA, found, spark_package()), f"-Dlog4j2.configurationFile={LOGGING.as_uri()}"]
    java += ["-cp", ":".join(str(jar) for jar in jar_paths("kafka"))]
    properties = _write_properties(folder, host, port)
    if not (folder / "data" / "meta.properties").is_file():
        _format(java, folder, properties)
    started = stack.launcher.launch([*java, "kafka.Kafka", str(properties)], pid_file=pid_file, log=log)

    def ready() -> bool:
        if not started.is_running() or started.status() == psutil.STATUS_ZOMBIE:
            raise KitError(f"Kafka stopped right after its start. The end of {log}:\n{last_lines(log)}")
        return answers(settings)

    def wait() -> Outcome:
        try:
            if not wait_until(ready, timeout=START_TIMEOUT):
                raise KitError(f"Kafka does not answer on port {port} after {START_TIMEOUT:.0f} s. See {log}.")
        except BaseException:
            down(stack)
            raise
        return Outcome(f"Kafka is up on port {port} (pid {started.pid})", changed=True)

    return Start(wait, is_new=True)


def down(stack: Stack) -> bool:
    """Stop the broker with an orderly shutdown. False: it was not running."""
    return begin_down(stack)()


def begin_down(stack: Stack) -> Callable[[], bool]:
    """Ask the broker to shut down; what is returned does the rest of `down`."""
    return begin_stop(stack.pid_file(NAME), timeout=STOP_TIMEOUT)


def remove(stack: Stack) -> None:
    """Remove the data of a stopped broker."""
    shutil.rmtree(stack.home / NAME, ignore_errors=True)


def _write_properties(folder: Path, host: str, port: int) -> Path:
    values = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{port + 1}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{port + 1}",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(folder / "data"),
        "auto.create.topics.enable": "false",  # a misspelt topic is an error, not a new topic
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.num.partitions": "1",  # the default of 50 makes 50 logs when the first group commits
        "log.retention.ms": "-1",  # only `make reset` removes data
    }
    folder.mkdir(parents=True, exist_ok=True)
    properties = folder / "server.properties"
    properties.write_text("".join(f"{key}={escaped(value)}\n" for key, value in values.items()), encoding="ascii")
    return properties


def escaped(value: str) -> str:
    """A value as Java reads it from a properties file: in Latin-1, with a backslash for what is special."""
    return "".join(
        f"\\u{unit:04x}" if unit > 126 else f"\\{chr(unit)}" if chr(unit) == "\\" else chr(unit)
        for unit in struct.unpack(f"<{len(value.encode('utf-16-le')) // 2}H", value.encode("utf-16-le"))
    )


def _format(java: list[str], folder: Path, properties: Path) -> None:
    # A format that was killed leaves a folder without meta.properties. The tool can format it again.
    cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    command = [*java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", str(properties)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise KitError(f"Kafka could not format {folder / 'data'}: {(done.stderr or done.stdout).strip()[-300:]}")
