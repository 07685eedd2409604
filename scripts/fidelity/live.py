"""Run faulty programs for real, with Postgres, Kafka and Spark: the rounds, and a load between them. Then grade them.

All pairs of programs share one Postgres and one Kafka. Each pair has its own roll number, and so its own table, topic,
lake, checkpoint and state.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from configs.errors import KitError
from configs.settings import load_settings, local_path
from grader.api import grade
from grader.model import Report, Status
from scripts.fidelity.every_mistake import EVERY_MISTAKE
from scripts.fidelity.faults import FAULTY, Faulty, program_text
from scripts.fidelity.table import LiveResult, read_live, write_live
from scripts.pipeline import position, programs
from scripts.pipeline.services import services_of
from scripts.pipeline.table import make_table, require_table
from scripts.pipeline.temporary_stack import temporary_stack, write_config
from scripts.pipeline.topic import make_topic
from scripts.pipeline.writers import Writers, writers
from scripts.rounds.run import run_round
from scripts.services.postgres import require_connection
from scripts.services.processes import last_lines, wait_until
from scripts.services.stack import CONSUMER, OURS, PRODUCER, PROGRAM_NAMES, Programs, Stack

LOAD_SECONDS = 6.0
WRITERS = 4
# Seconds at most between two transactions of one. Short of what a producer reads in a poll at its limit (40 rows): one
# that is behind finds the same first rows whenever it reads, and a fault of reading twice would not show.
WRITERS_PAUSE = 0.6
START_TIMEOUT = 60.0
ROUND_TIMEOUT = 30
QUIET_SECONDS = 5.0
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1"  # less compiling: each program lives for a minute
_OPTIONS: dict[str, dict[str, object]] = {
    "cdc": {"poll_interval_sec": 0.2, "batch_limit": 40},
    "rounds": {"timeout_sec": ROUND_TIMEOUT},
}


def run_live(names: Collection[str], on_progress: Callable[[str], None]) -> tuple[LiveResult, ...]:
    """Run the pairs of programs with these names, one after the other; without names, all. Write each result at once.

    Earlier results of the other pairs stay.

    Raises:
        KitError: there is no pair of such a name, or Postgres or Kafka cannot start.
    """
    known = [faulty.name for faulty in FAULTY]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise KitError(
            f"LIVE names unknown programs: {', '.join(unknown)}. Choose from: {', '.join(known)}. LIVE=1 runs all."
        )
    results = {result.name: result for result in read_live() if result.name in known}
    chosen = [faulty for faulty in FAULTY if not names or faulty.name in names]
    with temporary_stack(rollnumber="2025fidelity") as services:
        services_of(services).up()
        for number, faulty in enumerate(chosen):
            result = _run(faulty, services, f"2025live{number:02d}", on_progress)
            results[faulty.name] = result
            write_live([results[name] for name in known if name in results])
            on_progress(
                f"{faulty.name}: judged {'correctly' if result.is_right else 'WRONGLY'}. Failed checks: "
                f"{', '.join(result.failed) or 'none'}"
            )
    return read_live()


def _run(faulty: Faulty, services: Stack, rollnumber: str, on_progress: Callable[[str], None]) -> LiveResult:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="food-orders-faulty-", ignore_cleanup_errors=True) as folder:
        stack = _stack(Path(folder), services, rollnumber)
        make_table(stack.settings)
        make_topic(stack.settings.kafka)
        stack = replace(stack, programs=OURS if faulty.is_kit else _write_programs(Path(folder), faulty))
        try:
            _start_both(stack, faulty, consumer_first=faulty.consumer_first)
            _run_rounds(stack, faulty)
        finally:
            for name in PROGRAM_NAMES:
                programs.kill(stack, name)
        report = _grade(stack)
        logs = {name: last_lines(stack.log(name), 12) for name in PROGRAM_NAMES}
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
    shared = services.settings
    postgres = {"jdbc_url": shared.postgres.jdbc_url, "port": shared.postgres.port}
    changes: dict[str, dict[str, object]] = {
        "postgres": postgres,
        "kafka": {"brokers": shared.kafka.brokers},
        **_OPTIONS,
    }
    settings = load_settings(write_config(folder, changes, rollnumber), environment={})
    return Stack(settings, services="external", reads_environment=False)


def _write_programs(folder: Path, faulty: Faulty) -> Programs:
    paths = {name: folder / f"{name}.py" for name in PROGRAM_NAMES}
    for path in paths.values():
        path.write_text(program_text(path.name, faulty.changes), encoding="utf-8")
    return Programs(faulty.name, paths[PRODUCER], paths[CONSUMER])


def _run_rounds(stack: Stack, faulty: Faulty) -> None:
    """Run the rounds with a load between them. If a faulty pair ends, the later rounds are left out."""
    for number in (1, 2, 3):
        if not programs.are_alive(stack):
            return  # a round would start the program that has ended
        with contextlib.suppress(KitError):
            run_round(stack, number, on_progress=lambda _: None, dirty=EVERY_MISTAKE)
        if number == 1:
            with _load(stack):
                time.sleep(LOAD_SECONDS / 2)
                if faulty.is_killed:
                    _kill_after_state_change(stack)
                    programs.kill(stack, CONSUMER)
                time.sleep(LOAD_SECONDS / 2)
            if faulty.is_killed:
                _start_both(stack, faulty, consumer_first=True)
                _wait_for_batch(stack)
            # A faulty pair may never read everything, so wait until the lake stops growing.
            wait_until(position.Quiet(stack.settings, QUIET_SECONDS), timeout=ROUND_TIMEOUT, interval=0.5)
    if faulty.ends_killed:
        with _load(stack):
            state = local_path(stack.settings.streaming.last_processed_timestamp_location)
            wait_until(lambda: state.exists() and state.stat().st_size == 0, timeout=10, interval=0.002)
            programs.kill(stack, PRODUCER)


def _wait_for_batch(stack: Stack) -> None:
    """Wait until a consumer that was started again has planned a batch: the load has left it rows to read."""
    before = position.lake_stream(stack.settings).planned
    wait_until(lambda: position.lake_stream(stack.settings).planned != before, timeout=START_TIMEOUT, interval=0.2)


def _load(stack: Stack) -> contextlib.AbstractContextManager[Writers]:
    """Writers that insert during the block, in transactions of every kind."""
    postgres = stack.settings.postgres
    with contextlib.closing(require_connection(postgres)) as connection:
        table = require_table(connection, stack.settings).name
    return writers(postgres, table, WRITERS, seed=1, pause=WRITERS_PAUSE)


def _start_both(stack: Stack, faulty: Faulty, *, consumer_first: bool) -> None:
    if faulty.is_kit:
        programs.start(stack)
        return
    first, second = (CONSUMER, PRODUCER) if consumer_first else (PRODUCER, CONSUMER)
    programs.launch(stack, first, environment={"JAVA_TOOL_OPTIONS": JAVA_OPTIONS})
    if not consumer_first:
        state = local_path(stack.settings.streaming.last_processed_timestamp_location)
        wait_until(state.exists, timeout=START_TIMEOUT)
    programs.launch(stack, second, environment={"JAVA_TOOL_OPTIONS": JAVA_OPTIONS})


def _kill_after_state_change(stack: Stack) -> None:
    """kill -9 of the producer at the moment when its state has moved: what should come after that does not happen."""
    state = local_path(stack.settings.streaming.last_processed_timestamp_location)

    def stamp() -> int:
        try:
            return state.stat().st_mtime_ns
        except OSError:
            return 0

    before = stamp()
    wait_until(lambda: stamp() != before, timeout=10, interval=0.001)
    programs.kill(stack, PRODUCER)


def _grade(stack: Stack) -> Report:
    with grade(None, config=stack.settings.source) as graded:
        return graded.report
