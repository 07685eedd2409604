"""`make load`: several writers insert at the same time, in transactions of different length. Nothing may be lost.

A pipeline that moves the orders of every round can still lose some under load, without an error: a poll that reads the
table twice, a transaction that commits late, a limit that cuts a tie. The load has services and a lake of its own, so
it leaves the evidence of the rounds as it is.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import psycopg2.extensions
from tabulate import tabulate

from configs.contract import LOAD_RECORD, UTC, LoadedRow, LoadRecord, format_timestamp
from configs.wording import counted
from grader.evidence.load import MEANING, lost_orders
from scripts.pipeline import position, programs
from scripts.pipeline.rendered_config import pace
from scripts.pipeline.table import require_table
from scripts.pipeline.topic import end_offsets, find_on_topic
from scripts.pipeline.writers import Committed, writers
from scripts.rounds.arrival import topic_ends
from scripts.rounds.own_lake import own_lake, require_first_order
from scripts.rounds.progress import Waiting
from scripts.rounds.run import write_record
from scripts.services.postgres import require_connection
from scripts.services.processes import wait_until
from scripts.services.stack import PROGRAM_NAMES, Stack

WRITERS = 4
SECONDS = 20.0
# Seconds at most between two transactions of a writer. Often enough that a poll which reads twice meets a new row in
# between; rarely enough that a slow producer keeps up.
PAUSE = 0.6
SEED = 1
# Seconds without a new row in the lake, beside a poll and a batch, after which nothing more is expected.
QUIET_SECONDS = 10.0


def run_load(stack: Stack, on_progress: Callable[[str], None] = print) -> LoadRecord:
    """Run the load on services and a lake of its own, write its record, and show what was lost.

    Raises:
        KitError: the services or the programs cannot start, or the first order does not arrive.
    """
    on_progress("The load has its own Postgres, Kafka and lake. It leaves the evidence of the rounds as it is.")
    with own_lake(stack) as own:
        record = load(own, on_progress)
    file = stack.settings.rounds_folder / LOAD_RECORD
    write_record(file, record)
    on_progress(f"Recorded in {file}")
    return record


def load(stack: Stack, on_progress: Callable[[str], None] = print, *, seconds: float = SECONDS) -> LoadRecord:
    """Let the writers insert into a pipeline that runs, wait until no more comes, and tell what became of each order.

    Raises:
        KitError: Postgres does not answer; or a first order does not arrive.
    """
    settings = stack.settings
    waiting = Waiting("Load", on_progress)
    with contextlib.closing(require_connection(settings.postgres)) as connection:
        table = require_table(connection, settings).name
        require_first_order(stack, connection, table, waiting, label="load")
        start = end_offsets(settings.kafka)
        with writers(settings.postgres, table, WRITERS, seed=SEED, pause=PAUSE, max_rows=None) as inserting:
            on_progress(f"{WRITERS} writers insert for {seconds:.0f} s, in transactions of different length")

            def ended() -> bool:
                waiting.show(lambda: f"{counted(inserting.committed, 'order')} committed")
                return not programs.are_alive(stack)

            wait_until(ended, timeout=seconds, interval=0.1)
        waiting.done()
        rows = _rows(connection, table, inserting.transactions)
    expected = frozenset(row.order_id for row in rows)
    on_progress(f"The writers committed {counted(len(rows), 'order')}. Waiting until the lake has them")
    _wait_for(stack, expected, waiting)
    published = frozenset(find_on_topic(settings.kafka, start, end_offsets(settings.kafka)))
    times = position.lake_id_counts(settings)
    stopped = next((name for name in PROGRAM_NAMES if not programs.is_alive(stack, name)), None)
    error = programs.error_of(stack, stopped) if stopped else None
    record = LoadRecord(
        rollnumber=settings.rollnumber,
        finished_at=format_timestamp(datetime.now(UTC)),
        writers=WRITERS,
        seconds=seconds,
        rows=rows,
        unpublished=tuple(sorted(expected - published - times.keys())),
        unwritten=tuple(sorted((expected & published) - times.keys())),
        repeated=tuple(sorted(order_id for order_id in expected if times[order_id] > 1)),
        state=position.state_text(settings),
        ended=stopped,
        error=error.cause if error else None,
    )
    on_progress(_outcome(record))
    return record


def _rows(
    connection: psycopg2.extensions.connection, table: str, transactions: Sequence[Committed]
) -> tuple[LoadedRow, ...]:
    """The committed orders with the created_at that the quoted table gave them, by order_id."""
    open_sec = {order_id: one.open_sec for one in transactions for order_id in one.order_ids}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT order_id, created_at FROM {table} WHERE order_id = ANY(%s) ORDER BY 1", (list(open_sec),)
        )
        found = cursor.fetchall()
    return tuple(
        LoadedRow(
            order_id=order_id,
            created_at=format_timestamp(created_at.replace(tzinfo=UTC)),
            open_sec=round(open_sec[order_id], 3),
        )
        for order_id, created_at in found
    )


def _wait_for(stack: Stack, expected: frozenset[int], waiting: Waiting) -> None:
    """Wait until all orders are in the lake, a program has ended, or all that was published is read and no more comes.

    A consumer that is behind, or in the middle of a batch, gets more time.
    """
    settings = stack.settings
    patience = QUIET_SECONDS + pace(stack)
    quiet = position.Quiet(settings, patience)

    def is_over() -> bool:
        there = expected & position.lake_ids(settings)
        waiting.show(lambda: f"{len(there)} of {counted(len(expected), 'order')} in the lake")
        return there == expected or not programs.are_alive(stack) or (quiet() and _is_read(stack))

    wait_until(is_over, timeout=settings.rounds.timeout_sec + patience, interval=0.5)
    waiting.done()


def _is_read(stack: Stack) -> bool:
    ends = topic_ends(stack.settings)
    return ends is not None and position.is_read(stack.settings, ends, with_quarantine=False)


def _outcome(record: LoadRecord) -> str:
    lost = lost_orders(record)
    lines = [f"{len(record.rows) - len(lost)} of {counted(len(record.rows), 'order')} are in the lake"]
    if record.ended:
        lines.append(f"The {record.ended} ended. Its last error: {record.error or 'none in its log'}")
    if record.repeated:
        lines.append(f"{counted(len(record.repeated), 'order')} more than once, such as {record.repeated[0]}")
    if lost:
        counts = Counter(order.cause for order in lost)
        first = {order.cause: order.row for order in reversed(lost)}
        table = [
            [cause, count, f"{first[cause].order_id} ({first[cause].created_at})"]
            for cause, count in counts.most_common()
        ]
        lines.append(tabulate(table, headers=["lost", "orders", "for example order_id"]))
        lines += [f"  {cause}: {MEANING[cause]}" for cause, _ in counts.most_common()]
    return "\n".join(lines)
