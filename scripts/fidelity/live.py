"""Faulty programs run for real: Postgres, Kafka and Spark, the rounds, and a load between them; then graded.

One Postgres and one Kafka serve all, and each pair of programs has a roll number of its own, and with it a table, a
topic, a lake, a checkpoint and a state.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import psutil

from configs.contract import ORDER_STATUSES
from configs.errors import KitError
from configs.settings import load_settings, local_path
from grader.api import grade
from grader.model import Report, Status
from scripts import programs
from scripts.fidelity.faults import CONSUMER, FAULTY, PRODUCER, Faulty, program_text
from scripts.fidelity.table import LiveResult, read_live, write_live
from scripts.rounds import run_round
from scripts.services import bring_up
from scripts.services.postgres import require_connection
from scripts.services.processes import last_lines, launch, wait_until
from scripts.services.spark_environment import spark_environment
from scripts.services.stack import Stack
from scripts.services.temporary_stack import temporary_stack, write_config
from scripts.table import make_table, require_table
from scripts.topic import make_topic

LOAD_SECONDS = 6.0
WRITERS = 4
START_TIMEOUT = 60.0
ROUND_TIMEOUT = 30
QUIET_SECONDS = 5.0
_NAMES = {"producer": PRODUCER, "consumer": CONSUMER}
_OPTIONS: dict[str, dict[str, object]] = {
    "cdc": {"poll_interval_sec": 0.2, "batch_limit": 40},
    "rounds": {"timeout_sec": ROUND_TIMEOUT},
}
_INSERT = (
    "INSERT INTO {table} (customer_name, restaurant_name, item, amount, order_status) VALUES ('Load', 'Load', 'Dish',"
    " %s, %s)"
)


def run_live(names: Collection[str], on_progress: Callable[[str], None]) -> tuple[LiveResult, ...]:
    """Run the pairs of programs of these names, all for none, one after the other; write each result as it comes.

    Earlier results of the others stay as they are.

    Raises:
        KitError: there is no pair of such a name, or Postgres or Kafka cannot start.
    """
    known = [faulty.name for faulty in FAULTY]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise KitError(f"LIVE names {', '.join(unknown)}; there are: {', '.join(known)}. LIVE=1 runs all.")
    results = {result.name: result for result in read_live() if result.name in known}
    wanted = [faulty for faulty in FAULTY if not names or faulty.name in names]
    with temporary_stack(rollnumber="2025fidelity") as services:
        bring_up.up(services)
        for number, faulty in enumerate(wanted):
            result = _run(faulty, services, f"2025live{number:02d}", on_progress)
            results[faulty.name] = result
            write_live([results[name] for name in known if name in results])
            on_progress(
                f"{faulty.name}: {'as it should be' if result.is_right else 'NOT'}; failed: {', '.join(result.failed)}"
            )
    return read_live()


def _run(faulty: Faulty, services: Stack, rollnumber: str, on_progress: Callable[[str], None]) -> LiveResult:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="food-orders-faulty-", ignore_cleanup_errors=True) as folder:
        stack = _stack(Path(folder), services, rollnumber)
        make_table(stack.settings)
        make_topic(stack.settings.kafka)
        for name in _NAMES.values():
            (Path(folder) / name).write_text(program_text(name, faulty.changes), encoding="utf-8")
        try:
            _start_both(stack, faulty, consumer_first=faulty.consumer_first)
            _go_through(stack, faulty)
        finally:
            for name in _NAMES:
                _kill(stack, name)
        report = _grade(stack)
        logs = {name: last_lines(stack.log(name), 12) for name in _NAMES}
        rows = report.facts.get("database_rows")
    failed = [finding for finding in report.findings if finding.status is Status.FAIL]
    shown = next((finding for finding in failed if finding.id in faulty.expected or not faulty.fault), None)
    marked = [finding.id for finding in failed if not finding.is_advice or finding.id in faulty.expected]
    result = LiveResult(
        name=faulty.name,
        fault=faulty.fault,
        expected=faulty.expected,
        failed=tuple(marked),
        found=(shown.actual or "") if shown else "",
        rows=rows if isinstance(rows, int) else 0,
        seconds=round(time.monotonic() - started),
    )
    if not result.is_right:
        for name, lines in logs.items():
            on_progress(f"{faulty.name}: the end of the {name}'s log:\n{lines}")
    return result


def _stack(folder: Path, services: Stack, rollnumber: str) -> Stack:
    ours = services.settings
    postgres = {"jdbc_url": ours.postgres.jdbc_url, "port": ours.postgres.port}
    changes: dict[str, dict[str, object]] = {"postgres": postgres, "kafka": {"brokers": ours.kafka.brokers}, **_OPTIONS}
    return Stack(load_settings(write_config(folder, changes, rollnumber), environment={}), services="external")


def _go_through(stack: Stack, faulty: Faulty) -> None:
    """The rounds with a load between them. What a faulty pair does not get through is left out."""
    for number in (1, 2, 3):
        if any(stack.pid_file(name).process() is None for name in _NAMES):
            return  # a round would start the kit's own program in its place
        with contextlib.suppress(KitError):
            run_round(stack, number, on_progress=lambda _: None)
        if number == 1:
            with _load(stack):
                time.sleep(LOAD_SECONDS / 2)
                if faulty.is_killed:
                    _kill_after_state_change(stack)
                    _kill(stack, "consumer")
                time.sleep(LOAD_SECONDS / 2)
            if faulty.is_killed:
                _start_both(stack, faulty, consumer_first=True)
                _wait_for_batch(stack)
            _settle(stack)
    if faulty.ends_killed:
        with _load(stack):
            state = local_path(stack.settings.streaming.last_processed_timestamp_location)
            wait_until(lambda: state.exists() and state.stat().st_size == 0, timeout=10, interval=0.002)
            _kill(stack, "producer")


def _wait_for_batch(stack: Stack) -> None:
    """Wait until a consumer that was started again has planned a batch: the load has left it rows to read."""
    from grader.evidence import snapshot

    before = snapshot.last_offset_batch(stack.settings)
    wait_until(lambda: snapshot.last_offset_batch(stack.settings) != before, timeout=START_TIMEOUT, interval=0.2)


def _settle(stack: Stack) -> None:
    """Wait until the lake stops growing."""
    from grader.evidence import snapshot

    seen, since = -1, time.monotonic()

    def is_quiet() -> bool:
        nonlocal seen, since
        rows = snapshot.lake_rows(stack.settings)
        if rows != seen:
            seen, since = rows, time.monotonic()
        return time.monotonic() - since > QUIET_SECONDS

    wait_until(is_quiet, timeout=ROUND_TIMEOUT, interval=0.5)


@contextlib.contextmanager
def _load(stack: Stack) -> Iterator[None]:
    """Writers that insert all the while: several rows of one created_at, some in transactions of 0.4 s."""
    stop = threading.Event()
    threads = [threading.Thread(target=_write, args=(stack, stop, number)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _write(stack: Stack, stop: threading.Event, number: int) -> None:
    rng = random.Random(number)
    with contextlib.closing(require_connection(stack.settings.postgres)) as connection:
        table = require_table(connection, stack.settings).name
        connection.commit()
        while not stop.is_set():
            with connection, connection.cursor() as cursor:
                for _ in range(rng.randint(1, 8)):
                    values = (rng.randint(100, 99_999) / 100, rng.choice(ORDER_STATUSES))
                    cursor.execute(_INSERT.format(table=table), values)
                if rng.random() < 0.2:
                    cursor.execute("SELECT pg_sleep(0.4)")
            stop.wait(0.1)


def _start_both(stack: Stack, faulty: Faulty, *, consumer_first: bool) -> None:
    if faulty.is_kit:
        programs.start(stack)
        return
    first, second = ("consumer", "producer") if consumer_first else ("producer", "consumer")
    _start(stack, first)
    if not consumer_first:
        state = local_path(stack.settings.streaming.last_processed_timestamp_location)
        wait_until(state.exists, timeout=START_TIMEOUT)
    _start(stack, second)


def _start(stack: Stack, name: str) -> None:
    variables = spark_environment(stack.settings)
    java = "-Duser.timezone=UTC -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
    submit = (
        f"--master local[2] --driver-memory {variables['DRIVER_MEMORY']} --jars {variables['JARS']} "
        f"--driver-java-options '{java}' --conf spark.ui.enabled=false pyspark-shell"
    )
    environment = {
        **os.environ,
        "JAVA_HOME": variables["JAVA_HOME"],
        "PYSPARK_SUBMIT_ARGS": submit,
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    environment.pop("SPARK_HOME", None)
    launch(
        [sys.executable, stack.settings.root / _NAMES[name], "--config", stack.settings.source],
        pid_file=stack.pid_file(name),
        log=stack.log(name),
        environment=environment,
        folder=stack.settings.root,
    )


def _kill_after_state_change(stack: Stack) -> None:
    """kill -9 of the producer at the moment in which its state has moved: what comes after that is undone."""
    state = local_path(stack.settings.streaming.last_processed_timestamp_location)

    def stamp() -> int:
        try:
            return state.stat().st_mtime_ns
        except OSError:
            return 0

    before = stamp()
    wait_until(lambda: stamp() != before, timeout=10, interval=0.001)
    _kill(stack, "producer")


def _kill(stack: Stack, name: str) -> None:
    process = stack.pid_file(name).process()
    if process is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        family = [process, *process.children(recursive=True)]
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family, timeout=10)
    stack.pid_file(name).path.unlink(missing_ok=True)


def _grade(stack: Stack) -> Report:
    with grade(None, config=stack.settings.source) as graded:
        return graded.report
