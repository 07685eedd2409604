"""A backlog from Postgres to Kafka: ours, the naive baseline, and Debezium's connector.

    .venv/bin/python -m scripts.bench.backlog [--rows 1000000]

Each runs alone on a stack of its own. It has nothing to do until the rows are committed, in one transaction. It is done
when the topic has all of them. The three backlogs, one after the other, are a hundredth of the rows, a tenth, and all.
Debezium also takes its initial snapshot of a table that already has the rows; time counts from its first message.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg2.extensions
from confluent_kafka import KafkaException

from configs.contract import ORDER_STATUSES
from configs.settings import Kafka
from scripts.bench import debezium
from scripts.bench.page import record, section
from scripts.bench.subject import Subject, running_program
from scripts.pipeline import position
from scripts.pipeline.orders import insert_statement
from scripts.pipeline.programs import NAIVE
from scripts.pipeline.table import require_table
from scripts.pipeline.temporary_stack import bring_up, temporary_stack
from scripts.pipeline.topic import TopicWatch
from scripts.services.postgres import connect
from scripts.services.stack import OURS, Programs, Stack

ROWS = 1_000_000
IDLE = 10.0  # seconds without work before the memory of an idle program is read
TIMEOUT = 900.0
FIRST_MOMENT = datetime(2025, 11, 20)  # after the base rows
STEP = timedelta(milliseconds=20)  # between two rows, so that a million of them have one date


@dataclass(frozen=True)
class Timing:
    """The seconds for one backlog of this many rows."""

    rows: int
    seconds: float

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.seconds


@dataclass(frozen=True)
class Figures:
    """The measurements of one program. Memory is resident, in bytes, with its children."""

    timings: tuple[Timing, ...]
    idle_memory: int
    peak_memory: int


def sizes(rows: int) -> tuple[int, ...]:
    """A hundredth, a tenth, all."""
    return (rows // 100, rows // 10, rows)


def insert_backlog(connection: psycopg2.extensions.connection, table: str, rows: int, before: int = 0) -> None:
    """Insert rows in one transaction, each STEP later than the last; `before`: how many such rows are already there."""
    source = (
        "SELECT 'Customer ' || n %% 997, 'Restaurant ' || n %% 101, 'Dish ' || n %% 211,"
        " (n::bigint * 7919 %% 90000 + 100) / 100.0, (%s::text[])[n %% 4 + 1], %s + n * %s"
        " FROM generate_series(%s, %s) AS n"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            insert_statement(table, source, with_created_at=True),
            [list(ORDER_STATUSES), FIRST_MOMENT, STEP, before + 1, before + rows],
        )


@contextlib.contextmanager
def _stack(programs: Programs = OURS) -> Iterator[tuple[Stack, psycopg2.extensions.connection, str]]:
    """A stack with services, table and topic, a connection, and the table's name."""
    with temporary_stack(rollnumber="2025bench01", programs=programs, short_lived=False) as stack:
        bring_up(stack)
        with contextlib.closing(connect(stack.settings.postgres)) as connection:
            yield stack, connection, require_table(connection, stack.settings).name


@contextlib.contextmanager
def topic_length(kafka: Kafka) -> Iterator[Callable[[], int]]:
    """A function that returns the number of messages on the topic; 0 while there is no such topic."""
    with contextlib.closing(TopicWatch(kafka)) as watch:

        def length() -> int:
            try:
                return watch.length()
            except KafkaException:
                return 0

        yield length


def _measure(
    subject: Subject,
    length: Callable[[], int],
    connection: psycopg2.extensions.connection,
    table: str,
    backlogs: Sequence[int],
    is_at_rest: Callable[[], bool] = lambda: True,
) -> Figures:
    """Wait until a program that has published the base rows is idle, then give it one backlog after the other."""
    time.sleep(IDLE)
    idle = subject.memory
    base = length()
    done: list[Timing] = []
    for rows in backlogs:
        before = sum(timing.rows for timing in done)
        insert_backlog(connection, table, rows, before)
        started = time.monotonic()
        end = base + before + rows
        subject.wait(lambda end=end: length() >= end, f"all {end} rows on the topic", TIMEOUT)  # type: ignore[misc]
        done.append(Timing(rows, time.monotonic() - started))
        # The naive baseline loses rows that are inserted before it has moved its state.
        subject.wait(is_at_rest, "idle again", TIMEOUT)
    return Figures(tuple(done), idle, subject.peak)


def measure_producer(programs: Programs, backlogs: Sequence[int]) -> Figures:
    """The producer of a design.

    Raises:
        KitError: it ended, or took longer than TIMEOUT.
    """
    with (
        _stack(programs) as (stack, connection, table),
        topic_length(stack.settings.kafka) as length,
        running_program(stack, "producer") as producer,
    ):
        producer.wait(lambda: length() > 0, "the base rows on the topic", TIMEOUT)
        return _measure(
            producer,
            length,
            connection,
            table,
            backlogs,
            lambda: position.is_published(stack.settings, position.newest_created_at(connection, table)),
        )


@contextlib.contextmanager
def _connector(stack: Stack) -> Iterator[tuple[Subject, Callable[[], int]]]:
    kafka = stack.settings.kafka.model_copy(update={"topic": debezium.topic(stack.settings)})
    with topic_length(kafka) as length, debezium.running_connector(stack) as connector:
        yield connector, length


def measure_debezium(backlogs: Sequence[int]) -> Figures:
    """Debezium's connector, streaming what is inserted."""
    with _stack() as (stack, connection, table):
        connection.close()
        debezium.enable_logical_decoding(stack)
        with (
            _connector(stack) as (connector, length),
            contextlib.closing(connect(stack.settings.postgres)) as again,
        ):
            connector.wait(lambda: length() > 0, "the base rows on the topic", TIMEOUT)
            return _measure(connector, length, again, table, backlogs)


def measure_snapshot(rows: int) -> Timing:
    """Debezium's initial snapshot of a table with `rows` rows, from its first message to its last."""
    with _stack() as (stack, connection, table):
        insert_backlog(connection, table, rows)
        end = require_table(connection, stack.settings).rows
        connection.close()
        debezium.enable_logical_decoding(stack)
        with _connector(stack) as (connector, length):
            connector.wait(lambda: length() > 0, "the first row on the topic", TIMEOUT, interval=0.01)
            started, first = time.monotonic(), length()
            connector.wait(lambda: length() >= end, f"all {end} rows on the topic", TIMEOUT)
            return Timing(end - first, time.monotonic() - started)


def figures_row(figures: Figures, name: str, rate_of_ours: float) -> list[object]:
    """Name, seconds for each backlog, rows per second of the largest, ours divided by that, memory."""
    largest = max(figures.timings, key=lambda timing: timing.rows)
    seconds = [f"{timing.seconds:.2f} s" for timing in figures.timings]
    memory = [_mebibytes(figures.idle_memory), _mebibytes(figures.peak_memory)]
    return [name, *seconds, f"{largest.rows_per_second:,.0f}", f"{rate_of_ours / largest.rows_per_second:.2f}", *memory]


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.backlog")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows of the largest backlog (default {ROWS})")
    parser.add_argument("--dry-run", action="store_true", help="record nothing in docs/measured/bench/")
    options = parser.parse_args(arguments)
    backlogs = sizes(options.rows)
    ours = measure_producer(OURS, backlogs)
    rate = ours.timings[-1].rows_per_second
    rows = [figures_row(ours, "ours", rate)]
    print(rows[-1], flush=True)
    naive = measure_producer(NAIVE, backlogs)
    rows.append(figures_row(naive, "naive baseline", rate))
    print(rows[-1], flush=True)
    streaming = measure_debezium(backlogs)
    rows.append(figures_row(streaming, "Debezium, streaming", rate))
    print(rows[-1], flush=True)
    snapshot = measure_snapshot(options.rows)
    row: list[object] = ["Debezium, first snapshot", "", "", f"{snapshot.seconds:.2f} s"]
    rows.append([*row, f"{snapshot.rows_per_second:,.0f}", f"{rate / snapshot.rows_per_second:.2f}", "", ""])
    sizes_text = [f"{size:,} rows" for size in backlogs]
    headers = ("program", *sizes_text, "rows per second", "ours, times this", "memory, idle", "memory, peak")
    targets = target_notes(*(figures.timings[-1].rows_per_second for figures in (ours, naive, streaming)))
    command = f"python -m scripts.bench.backlog --rows {options.rows}"
    measured = section("From Postgres to Kafka", command, headers, rows, (*NOTES, *targets))
    print(measured.table())
    if not options.dry_run:
        record("backlog", measured)
    return 0


def target_notes(ours: float, naive: float, debezium: float) -> tuple[str, str]:
    """The two targets and what was measured, from rows per second."""
    return (
        f"Target: 1.5 times the naive baseline. Measured: {ours / naive:.2f} times.",
        f"Target: 10 times Debezium. Measured: {ours / debezium:.2f} times. The target comes from another setting, in "
        "which Debezium did 9,900 rows per second. Here, 10 times Debezium would be over "
        f"{debezium // 10_000 * 100_000:,.0f} rows per second, which two cores would read, serialize and send.",
    )


NOTES = (
    """
    Each program runs alone, at the defaults of `configs/orders_stream.yml`; the naive baseline has the same
    `batch_limit`. It has published the table's base rows and has nothing to do when a backlog is committed. It is done
    when the topic has the whole backlog. The three backlogs follow each other.
    """,
    """
    Debezium 3.3.1 runs in a standalone Kafka Connect with one task and as much heap as the Spark programs. It sends
    only the row, as JSON (ExtractNewRecordState). All other options are defaults. Its snapshot is of a table that
    already has all rows; time counts from its first message. Memory is resident, of all processes of the program.
    """,
)

if __name__ == "__main__":
    sys.exit(main())
