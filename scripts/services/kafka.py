"""Embedded Kafka 4 on 127.0.0.1, from the jars that setup fetched: a KRaft node for each broker of the config.

Three brokers keep each message on three disks, and take it only when two have it. One that ends is not missed.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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
from scripts.services.processes import begin_stop, kill_all, require_started, wait_until
from scripts.services.properties_file import write_properties
from scripts.services.stack import LOCAL_HOSTS, Stack, require_local

NAME = "kafka"
MEMORY = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:MaxDirectMemorySize=128m")
START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0
LAST_TIMEOUT = 3.0  # for the brokers that are left when most have ended
ANSWER_TIMEOUT = 5.0
LOGGING = Path(__file__).with_name("log4j2.properties")
META = "meta.properties"  # Kafka's own file in a folder that is formatted
MAX_REPLICAS = 3  # of a partition, as in the field


@dataclass(frozen=True)
class Broker:
    """A node of the embedded Kafka: its number from 1, its address, and its controller's port."""

    number: int
    host: str
    port: int
    controller: int
    count: int = 1

    @property
    def folder(self) -> str:
        """Below the stack's home. What one broker alone has written, a cluster cannot use, and the other way round."""
        return NAME if self.count == 1 else f"{NAME}_{self.number}_of_{self.count}"

    @property
    def name(self) -> str:
        """Of its pid file and its log."""
        return NAME if self.number == 1 else f"{NAME}_{self.number}"

    @property
    def title(self) -> str:
        return "Kafka" if self.number == 1 else f"Kafka's broker {self.number}"


def brokers(stack: Stack) -> tuple[Broker, ...]:
    """The brokers that the kit runs: those that the config names, or none if all of them are on other machines.

    Their controllers use the ports after the highest of theirs.
    """
    addresses = stack.settings.kafka.addresses
    if not any(host in LOCAL_HOSTS for host, _ in addresses):
        return ()
    highest = max(port for _, port in addresses)
    return tuple(
        Broker(number, host, port, highest + number, len(addresses)) for number, (host, port) in enumerate(addresses, 1)
    )


def admin_client(settings: KafkaSettings) -> AdminClient:
    """An admin client that does not log about brokers it cannot reach."""
    return AdminClient({"bootstrap.servers": settings.brokers, "log_level": 0, "socket.timeout.ms": 10_000})


def answers(settings: KafkaSettings, timeout: float = 1.0, *, count: int = 1) -> bool:
    """Whether a broker gives its metadata within `timeout` seconds, with at least `count` brokers that are up."""
    try:
        return len(admin_client(settings).list_topics(timeout=timeout).brokers) >= count
    except KafkaException:
        return False


def in_sync_replicas(settings: KafkaSettings) -> list[int]:
    """Of each partition of the topic: how many brokers have all of it.

    Raises:
        KafkaException: no broker answers.
    """
    topic = admin_client(settings).list_topics(settings.topic, timeout=10).topics[settings.topic]
    return [len(partition.isrs) for partition in topic.partitions.values()]


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
    """Start each broker that does not run, and wait until all answer.

    Raises:
        KitError: one cannot start.
    """
    return begin_up(stack).wait()


def require_startable(stack: Stack) -> None:
    """Make sure that each broker runs, or that its address is this machine's and its ports are free.

    Raises:
        KitError: neither.
    """
    key = "kafka.brokers of the config"
    controllers = f"{key} (controllers use the ports after the highest)"
    for broker in brokers(stack):
        require_local(broker.host, "kafka.brokers")
        if stack.pid_file(broker.name).process() is None:
            require_free_port(broker.port, "127.0.0.1", broker.title, key)
            require_free_port(broker.controller, "127.0.0.1", "Kafka's controller", controllers)


def begin_up(stack: Stack) -> Start:
    """Launch each broker that does not run.

    Raises:
        KitError: one cannot be launched.
    """
    require_startable(stack)
    settings, nodes = stack.settings.kafka, brokers(stack)
    ports = ", ".join(str(node.port) for node in nodes)
    where = f"on port {ports}" if len(nodes) == 1 else f"on ports {ports}"
    running = {node.name: stack.pid_file(node.name).process() for node in nodes}
    missing = [node for node in nodes if running[node.name] is None]
    if not missing:
        known = Outcome(f"Kafka is already up {where} ({_pids(running.values())})", changed=False)
        return Start(lambda: known, is_new=False)
    started = {node: _launch(stack, node) for node in missing}
    pids = _pids((running | {node.name: process for node, process in started.items()}).values())

    def ready() -> bool:
        for node, process in started.items():
            require_started(process, node.title, stack.log(node.name))
        return answers(settings, count=len(nodes))

    def wait() -> Outcome:
        try:
            if not wait_until(ready, timeout=START_TIMEOUT):
                log = stack.log(missing[0].name)
                raise KitError(f"Kafka does not answer {where} after {START_TIMEOUT:.0f} s. See {log}.")
        except BaseException:
            down(stack)
            raise
        return Outcome(f"Kafka is up {where} ({pids})", changed=True)

    return Start(wait, is_new=True)


def _pids(processes: Iterable[psutil.Process | None]) -> str:
    pids = [str(process.pid) for process in processes if process is not None]
    return f"{'pid' if len(pids) == 1 else 'pids'} {', '.join(pids)}"


def _launch(stack: Stack, node: Broker) -> psutil.Process:
    folder = stack.home / node.folder
    found = require_java()
    java = [str(found.executable), *MEMORY, *((QUICK_START,) if stack.short_lived else ())]
    java += [*archive_options(KAFKA, found, spark_package()), f"-Dlog4j2.configurationFile={LOGGING.as_uri()}"]
    java += ["-cp", ":".join(str(jar) for jar in jar_paths("kafka"))]
    properties = _write_properties(folder, node, brokers(stack))
    if not (folder / "data" / META).is_file():
        _format(java, folder, properties, _cluster_id(stack))
    command = [*java, "kafka.Kafka", str(properties)]
    return stack.launcher.launch(command, pid_file=stack.pid_file(node.name), log=stack.log(node.name))


def down(stack: Stack) -> bool:
    """Stop all brokers with an orderly shutdown. False: none was running."""
    return begin_down(stack)()


def begin_down(stack: Stack) -> Callable[[], bool]:
    """Ask the brokers to shut down; what is returned does the rest of `down`."""
    pid_files = [stack.pid_file(node.name) for node in brokers(stack)]
    running = [process for pid_file in pid_files if (process := pid_file.process()) is not None]
    waits = [begin_stop(pid_file, timeout=STOP_TIMEOUT) for pid_file in pid_files]

    def wait_for_all() -> bool:
        if len(pid_files) > 1:
            _end_without_majority(running, len(pid_files))
        stopped = [wait() for wait in waits]
        return any(stopped)

    return wait_for_all


def _end_without_majority(processes: Sequence[psutil.Process], count: int) -> None:
    """End the brokers that are left when most of `count` have ended.

    A broker asks the controllers before it ends. Without a majority of them nobody answers, and it would wait for five
    minutes. What it has written is in its log, which it checks at its next start.
    """
    wait_until(lambda: len(psutil.wait_procs(processes, timeout=0)[1]) <= count // 2, timeout=STOP_TIMEOUT)
    _, alive = psutil.wait_procs(processes, timeout=LAST_TIMEOUT)
    kill_all(alive)


def remove(stack: Stack) -> None:
    """Remove the data of stopped brokers."""
    for node in brokers(stack):
        shutil.rmtree(stack.home / node.folder, ignore_errors=True)


def _write_properties(folder: Path, node: Broker, nodes: Sequence[Broker]) -> Path:
    replicas = min(MAX_REPLICAS, len(nodes))
    in_sync = 2 if replicas == MAX_REPLICAS else 1
    values = {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": ",".join(f"{each.number}@127.0.0.1:{each.controller}" for each in nodes),
        "listeners": f"PLAINTEXT://127.0.0.1:{node.port},CONTROLLER://127.0.0.1:{node.controller}",
        "advertised.listeners": f"PLAINTEXT://{node.host}:{node.port}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(folder / "data"),
        "auto.create.topics.enable": "false",  # a misspelt topic is an error, not a new topic
        "default.replication.factor": str(replicas),
        "min.insync.replicas": str(in_sync),
        "offsets.topic.replication.factor": str(replicas),
        "transaction.state.log.replication.factor": str(replicas),
        "transaction.state.log.min.isr": str(in_sync),
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.num.partitions": "1",  # the default of 50 makes 50 logs when the first group commits
        "log.retention.ms": "-1",  # only `make reset` removes data
    }
    return write_properties(folder / "server.properties", values)


def _cluster_id(stack: Stack) -> str:
    """The id that the brokers have in common: a new one, if none of them has data yet."""
    for node in brokers(stack):
        with contextlib.suppress(OSError):
            lines = (stack.home / node.folder / "data" / META).read_text(encoding="utf-8").splitlines()
            return next(line.partition("=")[2] for line in lines if line.startswith("cluster.id="))
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _format(java: list[str], folder: Path, properties: Path, cluster_id: str) -> None:
    # A format that was killed leaves a folder without meta.properties. The tool can format it again.
    command = [*java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", str(properties)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise KitError(f"Kafka could not format {folder / 'data'}: {(done.stderr or done.stdout).strip()[-300:]}")
