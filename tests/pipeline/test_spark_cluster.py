"""spark.master: spark://127.0.0.1:port: a master and two workers. The pipeline survives the loss of each part."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from confluent_kafka import Producer

from scripts.pipeline import position, programs
from scripts.pipeline.orders import insert_orders
from scripts.pipeline.services import services_of
from scripts.pipeline.table import require_table
from scripts.pipeline.temporary_stack import bring_up, held_ports, temporary_stack
from scripts.rounds.run import _causes
from scripts.services import spark_cluster
from scripts.services.postgres import connect
from scripts.services.processes import LOCAL, PidFile, family, wait_until
from scripts.services.stack import CONSUMER, PRODUCER, Stack
from scripts.watch.processes import ProcessWatch

pytestmark = pytest.mark.services
BASE_ROWS = 10
LINE = re.compile(
    r"batch \d+: read (?:at most )?(\d+) messages?, wrote (\d+) rows?, dropped (\d+) repeats?, "
    r"rejected (?:at most )?(\d+)"
)
BAD = 30  # messages that are no orders, each time that something is killed

NAMES = {PRODUCER: "orders_cdc_producer", CONSUMER: "orders_stream_consumer"}
HIDING = ("bwrap", "--die-with-parent", "--dev-bind", "/", "/")


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Stack]:
    folder = tmp_path / "with a blank"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    cores: int = getattr(request, "param", 1)
    with held_ports(2 + spark_cluster.WORKERS) as port:
        spark = {"master": f"spark://127.0.0.1:{port}", "cores": cores}
        with temporary_stack({"spark": spark}) as made:
            yield made


@dataclass(frozen=True)
class OtherDisk:
    """Starts Spark's worker 2 where an empty folder is in the place of `folder`, as on a machine with another disk."""

    folder: Path

    def launch(self, command: Sequence[str | Path], *, pid_file: PidFile, **rest: Any) -> psutil.Process:
        is_second = pid_file.path.stem == "spark_worker_2"
        before: list[str | Path] = [*HIDING, "--tmpfs", self.folder] if is_second else []
        return LOCAL.launch([*before, *command], pid_file=pid_file, **rest)


def executors(stack: Stack, program: str) -> list[psutil.Process]:
    """The JVMs of a program's executors, below the workers."""
    cluster = spark_cluster.cluster(stack)
    ids = [one.id for one in (cluster.applications if cluster else ()) if one.name == NAMES[program]]
    workers = [stack.pid_file(node.name).process() for node in spark_cluster.nodes(stack)[1:]]
    found = []
    for process in (member for worker in workers if worker is not None for member in family(worker)[1:]):
        with contextlib.suppress(psutil.Error):  # it has just ended
            found += [process] if ids and ids[0] in process.cmdline() else []
    return found


def insert(stack: Stack, rows: int) -> None:
    with contextlib.closing(connect(stack.settings.postgres)) as connection:
        insert_orders(connection, require_table(connection, stack.settings).name, rows)


def send_bad_messages(stack: Stack) -> None:
    kafka = stack.settings.kafka
    producer = Producer({"bootstrap.servers": kafka.brokers, "log_level": 0})
    for number in range(BAD):
        producer.produce(kafka.topic, value=b"no order", partition=number % kafka.partitions)
    assert producer.flush(30) == 0


def rejected_rows(stack: Stack) -> int:
    files = Path(stack.settings.datalake.quarantine_path).glob("*.parquet")
    return sum(pq.read_metadata(file).num_rows for file in files)


def lake_has(stack: Stack, rows: int, timeout: float = 120) -> bool:
    return wait_until(lambda: position.lake_rows(stack.settings) == rows, timeout=timeout)


def is_batch_under_way(stack: Stack) -> bool:
    stream = position.lake_stream(stack.settings)
    return stream.planned != stream.finished


def log(stack: Stack, program: str) -> str:
    return stack.log(program).read_text(encoding="utf-8")


def batches(stack: Stack) -> list[tuple[int, ...]]:
    """Of each line of the consumer's log about a batch: read, written, dropped and rejected."""
    return [tuple(map(int, found.groups())) for found in LINE.finditer(log(stack, CONSUMER))]


def test_a_lost_executor_worker_and_master_are_made_up_for(stack: Stack) -> None:
    bring_up(stack)
    programs.start(stack)
    assert lake_has(stack, BASE_ROWS), log(stack, CONSUMER)

    rows = BASE_ROWS
    for name in (CONSUMER, PRODUCER, CONSUMER):
        (executor,) = executors(stack, name)
        send_bad_messages(stack)
        insert(stack, 2000)
        rows += 2000
        under_way = wait_until(lambda: is_batch_under_way(stack), timeout=60, interval=0.01)
        assert under_way
        time.sleep(0.3)  # in the first stage or between the two
        executor.kill()
        assert lake_has(stack, rows), log(stack, CONSUMER)

    (executor,) = executors(stack, CONSUMER)
    worker = executor.parent()
    assert worker is not None
    send_bad_messages(stack)
    insert(stack, 2000)
    rows += 2000
    worker.kill()
    psutil.wait_procs([worker, executor], timeout=30)  # an executor ends with its worker
    insert(stack, 10)
    rows += 10
    said = "waiting for cores of spark://127.0.0.1"
    assert wait_until(lambda: said in log(stack, CONSUMER), timeout=60)
    assert "all cores are taken, by orders_cdc_producer (1 core)" in log(stack, CONSUMER)
    assert "orders_stream_consumer waits for cores" in _causes(stack)
    running = {(one.name, one.state) for one in ProcessWatch(stack).read().running}
    assert ("orders_stream_consumer", "waits for cores") in running
    assert ("orders_cdc_producer", "has 1 core") in running
    services_of(stack).up()
    assert lake_has(stack, rows), log(stack, CONSUMER)
    assert "the cluster has given this program 1 executor, continuing" in log(stack, CONSUMER)

    master = stack.pid_file("spark_master").process()
    assert master is not None
    before = executors(stack, CONSUMER)
    master.kill()
    psutil.wait_procs([master], timeout=30)
    insert(stack, 10)
    rows += 10
    assert lake_has(stack, rows), "executors go on without a master"
    services_of(stack).up()
    assert executors(stack, CONSUMER) == before, "the new master knows the applications"
    before[0].kill()
    insert(stack, 10)
    rows += 10
    assert lake_has(stack, rows), "the new master gives an executor in the place of one that is lost"

    assert set(position.lake_id_counts(stack.settings).values()) == {1}
    assert wait_until(lambda: sum(written for _, written, _, _ in batches(stack)) == rows, timeout=20)
    lines = batches(stack)
    assert [line for line in lines if line[0] != sum(line[1:])] == [], log(stack, CONSUMER)
    assert sum(rejected for *_, rejected in lines) == 4 * BAD, log(stack, CONSUMER)
    ends = position.committed_ends(stack.settings)
    assert wait_until(lambda: position.quarantine_ends(stack.settings) == ends, timeout=60)
    assert rejected_rows(stack) == 4 * BAD

    members = [process for name in ("producer", "consumer") for process in executors(stack, name)]
    assert len(members) == 2
    services_of(stack).down()  # while both programs run
    assert psutil.wait_procs(members, timeout=0)[1] == []


def test_a_program_whose_executors_cannot_start_ends_and_says_so(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(spark_cluster, "spark_home", lambda _: stack.home / "no spark")
        bring_up(stack)
    programs.start(stack, [CONSUMER])
    assert wait_until(lambda: not programs.is_running(stack, CONSUMER), timeout=90), log(stack, CONSUMER)
    assert "Spark has ended this application" in log(stack, CONSUMER)
    services_of(stack).down()
    services_of(stack).up()
    programs.start(stack)
    assert lake_has(stack, BASE_ROWS), log(stack, CONSUMER)


def can_hide() -> bool:
    """Whether this machine lets bubblewrap make a folder of its own."""
    if shutil.which("bwrap") is None:
        return False
    return subprocess.run([*HIDING, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_hide(), reason="bubblewrap is missing, or may not make a namespace")
@pytest.mark.parametrize("stack", [2], indirect=True)  # so the consumer gets an executor on each of the two workers
def test_an_executor_that_does_not_see_the_lake_is_refused_before_a_row_is_lost(stack: Stack) -> None:
    lakes = stack.settings.root / "datalake"
    lakes.mkdir()
    hidden = replace(stack, launcher=OtherDisk(lakes))
    bring_up(hidden)
    programs.start(stack, [PRODUCER])
    assert wait_until(lambda: position.state_text(stack.settings) is not None, timeout=60), log(stack, PRODUCER)
    programs.stop(stack)
    programs.start(stack, [CONSUMER])
    assert wait_until(lambda: not programs.is_running(stack, CONSUMER), timeout=90), log(stack, CONSUMER)
    assert re.search(r"ERROR .*Executor \d on 127.0.0.1 does not share the folder .*/datalake/", log(stack, CONSUMER))
    assert list(lakes.rglob("*")) == [], "the probe leaves nothing behind"
    assert list(Path(stack.settings.streaming.checkpoint_location).glob("*")) == []

    services_of(stack).down()
    services_of(stack).up()  # both workers with this disk
    programs.start(stack)
    assert lake_has(stack, BASE_ROWS), log(stack, CONSUMER)
    assert not list(lakes.rglob("_probe-*"))
