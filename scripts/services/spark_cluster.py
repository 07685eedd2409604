"""A Spark standalone cluster on this machine, from the jars of pyspark: a master and two workers.

It runs if the config's spark.master is spark://127.0.0.1:port. Each worker has the cores of one program, and the memory
for an executor of each.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from configs.errors import KitError
from configs.settings import Spark
from configs.spark_master import SCHEME, Cluster, addresses, answers, find_cluster, read_cluster, web_port, why_waiting
from scripts.services.class_archive import SPARK, archive_options, class_path, spark_package
from scripts.services.java import QUICK_START, require_java
from scripts.services.outcome import Outcome, Start
from scripts.services.ports import require_free_port
from scripts.services.processes import begin_stop, require_started, wait_until
from scripts.services.properties_file import write_properties
from scripts.services.spark_home import spark_home
from scripts.services.stack import LOCAL_HOSTS, PROGRAM_NAMES, Stack

MASTER = "spark_master"
FOLDER = "spark"  # below the stack's home
HOST = "127.0.0.1"
WORKERS = 2
MEMORY = ("-Xms32m", "-Xmx192m", "-XX:+UseSerialGC", "-XX:-UsePerfData", QUICK_START)
START_TIMEOUT = 60.0
STOP_TIMEOUT = 5.0
ANSWER_TIMEOUT = 10.0
LOGGING = Path(__file__).with_name("log4j2.properties")
KEPT_SECONDS = 24 * 3600  # a worker keeps the folder of an application that has ended, with its logs
_END_OF_COMMAND = f"\n{'=' * 40}\n"
KEY = "spark.master of the config"


@dataclass(frozen=True)
class Node:
    """The master (number 0) or a worker (1, 2). `ports`: those that it listens on at fixed numbers."""

    number: int
    ports: tuple[int, ...]

    @property
    def name(self) -> str:
        """Of its pid file and its log."""
        return f"spark_worker_{self.number}" if self.number else MASTER

    @property
    def title(self) -> str:
        return f"Spark's worker {self.number}" if self.number else "Spark's master"

    @property
    def folder(self) -> str:
        """Below FOLDER."""
        return f"worker_{self.number}" if self.number else "master"

    @property
    def web(self) -> int:
        """The port of its web pages."""
        return self.ports[-1]


def is_local(spark: Spark) -> bool:
    """Whether the config names one master, at this machine."""
    found = addresses(spark.master)
    return len(found) == 1 and found[0][0] in LOCAL_HOSTS


def port(spark: Spark) -> int:
    """The master's port, of a config that names one master."""
    ((_, found),) = addresses(spark.master)
    return found


def nodes(stack: Stack) -> tuple[Node, ...]:
    """Master and workers that the kit runs for this stack; none if the config names no master of this machine.

    The pages of the master, then of the workers, use the ports after the master's.
    """
    if not is_local(stack.settings.spark):
        return ()
    at = port(stack.settings.spark)
    first = web_port(at)
    workers = (Node(number, (first + number,)) for number in range(1, WORKERS + 1))
    return (Node(0, (at, first)), *workers)


def worker_memory(executor_memory: str) -> str:
    """The memory of a worker: of one executor for each of the two programs."""
    number, unit = re.fullmatch(r"(\d+)(\w)", executor_memory).groups()  # type: ignore[union-attr]
    return f"{len(PROGRAM_NAMES) * int(number)}{unit}"


def up(stack: Stack) -> Outcome:
    """Start what of the cluster does not run, and wait until the master has all workers.

    Raises:
        KitError: a part cannot start.
    """
    return begin_up(stack).wait()


def require_startable(stack: Stack) -> None:
    """Make sure that each part of the cluster runs, or that its ports are free.

    Raises:
        KitError: neither.
    """
    for node in nodes(stack):
        if stack.pid_file(node.name).process() is None:
            for number in node.ports:
                require_free_port(number, HOST, node.title, f"{KEY} (the three ports after it are used too)")


def begin_up(stack: Stack) -> Start:
    """Launch the master if it does not run; what is returned launches the workers once it answers.

    A worker that finds no master asks again only after 5 to 15 seconds.

    Raises:
        KitError: the master cannot be launched.
    """
    require_startable(stack)
    master, *workers = nodes(stack)
    missing = [node for node in (master, *workers) if stack.pid_file(node.name).process() is None]
    where = f"at {stack.settings.spark.master}, its pages at http://{HOST}:{master.web}"
    if not missing:
        known = Outcome(f"Spark's cluster is already up {where}", changed=False)
        return Start(lambda: known, is_new=False)
    if workers == missing[1:]:  # no worker has executors that a new master should know
        shutil.rmtree(_recovery(stack), ignore_errors=True)
    started: dict[Node, psutil.Process] = {}
    if master in missing:
        started[master] = _launch(stack, master)

    def has(alive: int) -> bool:
        for node, process in started.items():
            require_started(process, node.title, stack.log(node.name))
        found = _report(stack, master)
        return found is not None and found.alive >= alive

    def wait_for(alive: int) -> None:
        if not wait_until(lambda: has(alive), timeout=START_TIMEOUT):
            raise KitError(
                f"Spark's cluster is not up {where} after {START_TIMEOUT:.0f} s. See {stack.log(master.name)} and "
                f"{stack.log(workers[0].name)}."
            )

    def wait() -> Outcome:
        try:
            wait_for(0)
            started.update({node: _launch(stack, node) for node in workers if node in missing})
            wait_for(len(workers))
        except BaseException:
            down(stack)
            raise
        return Outcome(f"Spark's cluster is up {where}, with {len(workers)} workers", changed=True)

    return Start(wait, is_new=True)


def _report(stack: Stack, master: Node) -> Cluster | None:
    return read_cluster(HOST, master.web, master.ports[0])


def cluster(stack: Stack) -> Cluster | None:
    """What the master of the config reports, wherever it is; None without a spark:// address or without an answer."""
    return find_cluster(stack.settings.spark.master)


def waiting(stack: Stack) -> str:
    """Which applications wait for cores of the config's master, and why; empty if none does, or that is not known."""
    found = cluster(stack)
    names = [] if found is None else [one.name for one in found.applications if one.is_waiting]
    if found is None or not names:
        return ""
    verb = "waits" if len(names) == 1 else "wait"
    return f"{' and '.join(names)} {verb} for cores of {stack.settings.spark.master}: {why_waiting(found)}"


def require_master(spark: Spark) -> None:
    """Make sure that a master of the config's spark:// address answers.

    Raises:
        KitError: none does.
    """
    if not wait_until(lambda: answers(spark.master), timeout=ANSWER_TIMEOUT):
        raise KitError(
            f"No Spark master answers at {spark.master}. Start it, or correct {KEY}. An address of this machine, such "
            f"as {SCHEME}{HOST}:7077, is started by `make up`."
        )


def down(stack: Stack) -> bool:
    """Stop workers, with their executors, and master. False: none was running."""
    return begin_down(stack)()


def begin_down(stack: Stack) -> Callable[[], bool]:
    """Ask workers and master to end; what is returned does the rest of `down`.

    Also if the config no longer names them.
    """
    names = (Node(number, ()).name for number in range(WORKERS, -1, -1))
    waits = [begin_stop(stack.pid_file(name), timeout=STOP_TIMEOUT) for name in names]

    def wait_for_all() -> bool:
        stopped = [wait() for wait in waits]
        return any(stopped)

    return wait_for_all


def remove(stack: Stack) -> None:
    """Remove the folders of a stopped cluster: what its executors have left, and their logs."""
    shutil.rmtree(stack.home / FOLDER, ignore_errors=True)


def executor_logs(stack: Stack) -> list[tuple[Path, list[str]]]:
    """The stderr of the executors of the last applications and its lines, the newest last.

    Of as many executors as there are programs, and only of those that logged something. A worker writes the long
    command of the executor first.
    """
    paths = (stack.home / FOLDER).glob("worker_*/work/app-*/*/stderr")
    newest = sorted(paths, key=lambda path: path.stat().st_mtime)[-len(PROGRAM_NAMES) :]
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in newest}
    logs = {path: text.partition(_END_OF_COMMAND)[2].strip().splitlines() for path, text in texts.items()}
    return [(path, lines) for path, lines in logs.items() if lines]


def _recovery(stack: Stack) -> Path:
    """Where the master notes applications and workers, so that a new one knows those that still run."""
    return stack.home / FOLDER / "recovery"


def _launch(stack: Stack, node: Node) -> psutil.Process:
    settings = stack.settings.spark
    java, package = require_java(), spark_package()
    folder = stack.home / FOLDER / node.folder
    scratch, properties = folder / "scratch", folder / "spark.properties"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    command: list[str | Path] = [java.executable, *MEMORY, *archive_options(SPARK, java, package)]
    command += ["-Duser.timezone=UTC", f"-Djava.io.tmpdir={scratch}", f"-Dlog4j2.configurationFile={LOGGING.as_uri()}"]
    command += ["-cp", class_path(SPARK, package)]
    kind = "worker.Worker" if node.number else "master.Master"
    command += [f"org.apache.spark.deploy.{kind}", "--host", HOST, "--webui-port", str(node.web)]
    if node.number:
        command += ["--properties-file", write_properties(properties, _WORKER)]
        command += ["--cores", str(settings.cores), "--memory", worker_memory(settings.executor_memory)]
        command += ["--work-dir", folder / "work", settings.master.replace("localhost", HOST)]
    else:
        recovery = {**_MASTER, "spark.deploy.recoveryDirectory": str(_recovery(stack))}
        command += ["--properties-file", write_properties(properties, recovery), "--port", str(node.ports[0])]
    others = {key: value for key, value in os.environ.items() if not key.startswith("SPARK_")}
    environment = {
        **others,
        "SPARK_HOME": str(spark_home(package)),
        "SPARK_SCALA_VERSION": _scala_version(package),  # a worker starts executors only if it knows it
        "JAVA_HOME": str(java.home),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": HOST,  # for its pages too
        "SPARK_LOCAL_DIRS": str(scratch),
        "TMPDIR": str(scratch),
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",  # without UTF-8, Java opens no path that has other letters than English ones
    }
    return stack.launcher.launch(
        command, pid_file=stack.pid_file(node.name), log=stack.log(node.name), environment=environment
    )


def _scala_version(package: Path) -> str:
    """Such as 2.12, from the name of Spark's own jar."""
    return next((package / "jars").glob("spark-core_*.jar")).name.removeprefix("spark-core_").partition("-")[0]


_MASTER = {"spark.deploy.recoveryMode": "FILESYSTEM"}
_WORKER = {
    "spark.worker.cleanup.enabled": "true",
    "spark.worker.cleanup.appDataTtl": str(KEPT_SECONDS),
    "spark.worker.ui.retainedExecutors": "20",
}
