"""`make round1`, `make round2`, `make round3`: insert rows, wait until the lake has them, record what changed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import psycopg2
import psycopg2.extensions
from confluent_kafka import KafkaException
from tabulate import tabulate

from configs.contract import (
    UTC,
    BadMessagesRecord,
    LoadRecord,
    RejectedRow,
    RoundRecord,
    RoundRun,
    Snapshot,
    format_timestamp,
    parse_timestamp,
)
from configs.errors import KitError
from configs.orders_table import future_orders
from configs.program import first_line
from configs.settings import Settings
from configs.wording import counted
from scripts.pipeline import position, programs
from scripts.pipeline.services import services_of
from scripts.pipeline.table import make_table, require_table
from scripts.pipeline.topic import Ends, end_offsets, find_on_topic, make_topic
from scripts.rounds.arrival import Arrival, NeverRead, topic_ends, zone_shift
from scripts.rounds.dirty_rows import OF_ASSIGNMENT, DirtyRows, send_dirty_rows
from scripts.rounds.insert_test_orders import insert_test_orders, make_test_orders
from scripts.rounds.progress import Waiting
from scripts.rounds.where_rows_are import explain, explain_state, locate
from scripts.services import spark_cluster
from scripts.services.postgres import require_connection
from scripts.services.processes import wait_until
from scripts.services.stack import PROGRAM_NAMES, Stack

ROWS = 5
DIRTY_ROUND = 3
QUARANTINE_PATIENCE = 20.0  # seconds; this kit's quarantine follows the lake within one
OnProgress = Callable[[str], None]


def run_round(stack: Stack, number: int, on_progress: OnProgress = print, dirty: DirtyRows = OF_ASSIGNMENT) -> RoundRun:
    """Run a round and write its record, also if rows did not arrive in time. `dirty`: the bad rows of round 3.

    Raises:
        KitError: an earlier round is missing. Or a service or program does not run, or stopped during the round: then
            there is no record. Or rows are stuck: the message says where.
    """
    try:
        return _run(stack, number, on_progress, dirty)
    except (KafkaException, psycopg2.Error) as error:
        service = "Kafka" if isinstance(error, KafkaException) else "Postgres"
        raise KitError(
            f"{service} stopped answering during round {number}: {first_line(error)}. The round is not in the record. "
            f"Rows that it has inserted stay and arrive later. Run `make round{number}` again: it inserts new rows."
        ) from None


def _run(stack: Stack, number: int, on_progress: OnProgress, dirty: DirtyRows) -> RoundRun:
    settings = stack.settings
    record_file = settings.rounds_folder / f"round{number}.json"
    record = read_record(record_file) or RoundRecord(round=number, rollnumber=settings.rollnumber, runs=())
    if number > 1 and not (settings.rounds_folder / f"round{number - 1}.json").is_file():
        raise KitError(f"Round {number} comes after round {number - 1}. Run `make round{number - 1}` first.")
    with stack.locked():
        with programs.started_beside_services(stack) as begun:
            outcomes = [*services_of(stack).up(), make_table(settings)]
            make_topic(settings.kafka)
        for outcome in (*outcomes, *begun, *programs.start(stack)):
            if outcome.changed:
                on_progress(outcome.line)
    deadline = time.monotonic() + settings.rounds.timeout_sec
    with contextlib.closing(require_connection(settings.postgres)) as connection:
        table = require_table(connection, settings).name
        _require_no_future_orders(connection, table)
        arrival = Arrival(settings, connection, table)
        waiting = Waiting(f"Round {number}", on_progress)
        _catch_up(stack, arrival, deadline, waiting)
        if arrival.keeps_state is False:
            on_progress(
                f"No state file at {settings.streaming.last_processed_timestamp_location}: the round watches topic, "
                "checkpoint and lake instead"
            )
        has_quarantine = _has_live_quarantine(settings, on_progress)
        newest = position.newest_created_at(connection, table)
        if arrival.is_state_behind:
            on_progress(_state_is_behind(settings, newest))
        before = take_snapshot(settings, connection, table)
        on_progress(f"Caught up: {counted(before.postgres_rows, 'row')} in Postgres, {before.lake_rows} in the lake")
        label = f"round{number}" if not record.runs else f"round{number} again {len(record.runs)}"
        started = datetime.now(UTC)
        orders = make_test_orders(settings.rollnumber, label, ROWS)
        inserted = insert_test_orders(connection, table, orders)
        clock = time.monotonic()
        ids = [row.order_id for row in inserted]
        start = {int(partition): end for partition, end in before.topic_offsets.items()}
        never_read = NeverRead(settings, inserted, start)
        on_progress(f"Inserted {counted(len(ids), 'row')}: order_id {ids[0]} to {ids[-1]}")
        rejected: tuple[RejectedRow, ...] = ()
        if number == DIRTY_ROUND:
            bad, rejected = send_dirty_rows(settings, connection, table, orders[0], dirty)
            inserted += bad
            for row in rejected:
                place = f"order_id {row.order_id}" if row.order_id else "directly to the topic"
                on_progress(f"Sent a bad row: {row.mistake} ({place})")
        complete = _wait_for(stack, ids, before, never_read, clock + settings.rounds.timeout_sec, waiting)
        seconds = time.monotonic() - clock
        complete = complete and wait_until(
            lambda: arrival.is_settled(with_quarantine=has_quarantine),
            timeout=max(5.0, deadline - time.monotonic()),
        )
        after = take_snapshot(settings, connection, table)
        run = RoundRun(
            started_at=format_timestamp(started),
            finished_at=format_timestamp(datetime.now(UTC)),
            table=settings.postgres.table,
            topic=settings.kafka.topic,
            inserted=inserted,
            expected_ids=tuple(ids),
            rejected=rejected,
            complete=complete,
            before=before,
            after=after,
        )
        write_record(record_file, record.model_copy(update={"runs": (*record.runs, run)}))
        if not complete:
            raise KitError(_stuck(stack, ids, start, newest, f"Round {number}", time.monotonic() - clock))
    again = f" (run {len(record.runs) + 1} of this round)" if record.runs else ""
    arrived = f"all {counted(len(ids), 'clean row' if rejected else 'row')} are in the lake after {seconds:.1f} s"
    on_progress(f"Round {number}{again}: {arrived}. Recorded in {record_file}")
    if arrival.is_state_behind:
        on_progress(_state_is_behind(settings, parse_timestamp(inserted[-1].created_at)))
    on_progress(_changes(before, after))
    return run


def read_record(path: Path) -> RoundRecord | None:
    """A round's record; None if there is none.

    Raises:
        KitError: it exists and cannot be read.
    """
    try:
        return RoundRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise KitError(
            f"{path} is not a record of a round. Move it away: the round then starts a new record."
        ) from None


def write_record(path: Path, record: RoundRecord | BadMessagesRecord | LoadRecord) -> None:
    """Write the record of a round in one step, so that a reader never finds half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def take_snapshot(settings: Settings, connection: psycopg2.extensions.connection, table: str) -> Snapshot:
    """The position of every stage."""
    files, stream = position.lake_files(settings), position.lake_stream(settings)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        (rows,) = cursor.fetchone() or (0,)
    return Snapshot(
        postgres_rows=rows,
        topic_offsets={str(partition): end for partition, end in end_offsets(settings.kafka).items()},
        last_offset_batch=stream.planned,
        last_commit_batch=stream.finished,
        lake_rows=sum(file.rows for file in files),
        lake_files=files,
        state=position.state_text(settings),
    )


def _has_live_quarantine(settings: Settings, on_progress: OnProgress) -> bool:
    """Whether the consumer has a live quarantine: one whose checkpoint follows the topic, as the lake's already does.

    A checkpoint that an earlier consumer has left behind never moves, and no round may wait for it.
    """
    if position.quarantine_ends(settings) is None:
        return False
    if wait_until(lambda: _quarantine_is_read(settings), timeout=QUARANTINE_PATIENCE, interval=0.2):
        return True
    on_progress(
        f"The quarantine's checkpoint {settings.streaming.quarantine_checkpoint_location} does not move: this "
        "consumer writes no quarantine. The round does not wait for it"
    )
    return False


def _quarantine_is_read(settings: Settings) -> bool:
    ends = topic_ends(settings)
    return ends is not None and not position.is_quarantine_behind(settings, ends)


def _require_no_future_orders(connection: psycopg2.extensions.connection, table: str) -> None:
    """A round's rows are later than all others. With a row in the future they would be read only after its time.

    Raises:
        KitError: there is such a row.
    """
    future = future_orders(connection, table)
    if future:
        raise KitError(
            f"Order {future.last_order_id} has the created_at {future.last_created_at} (UTC), in the future. The rows "
            "of a round come after it, so they would be read only then. Correct or delete that order, or wait. The "
            "round has inserted nothing."
        )


def _catch_up(stack: Stack, arrival: Arrival, deadline: float, waiting: Waiting) -> None:
    settings = stack.settings

    def status() -> str:
        on_topic, read = sum((topic_ends(settings) or {}).values()), sum(position.lake_stream(settings).ends.values())
        return (
            f"the pipeline catches up: {on_topic} on the topic, {read} read by the consumer, "
            f"{counted(position.lake_rows(settings), 'row')} in the lake{_waiting_for_cores(stack)}"
        )

    def settled() -> bool:
        programs.require_alive(stack)
        waiting.show(status)
        return arrival.is_settled(with_quarantine=False)

    has_caught_up = wait_until(settled, timeout=deadline - time.monotonic(), interval=0.2)
    waiting.done()
    if has_caught_up:
        return
    state = position.state_text(settings)
    raise KitError(
        f"The pipeline has not caught up with the table within {settings.rounds.timeout_sec:.0f} s, so the round "
        f"has inserted nothing. State: {state or 'empty or missing'}. End offsets of the topic: "
        f"{end_offsets(settings.kafka)}; of the consumer: {dict(position.lake_stream(settings).ends)}. "
        f"Read {stack.logs}/producer.log and consumer.log.{_causes(stack)}"
    )


def _state_is_behind(settings: Settings, newest: datetime | None) -> str:
    assert newest is not None  # a state can only be behind a row
    reached = position.reached(settings)
    wrong = explain_state(position.state_text(settings), reached, newest, zone_shift(reached, newest))
    return f"Everything has arrived except the state, which does not move. {wrong} The round goes on without it"


def _wait_for(
    stack: Stack, ids: Iterable[int], before: Snapshot, never_read: NeverRead, deadline: float, waiting: Waiting
) -> bool:
    """Wait until the rows are in the lake, or will never be read. Looks only in the files that are new since `before`,
    because the lake may be large.
    """
    expected, known = frozenset(ids), frozenset(file.path for file in before.lake_files)
    there: frozenset[int] = frozenset()

    def arrived() -> bool:
        programs.require_alive(stack)
        nonlocal there
        there = expected & position.lake_ids(stack.settings, known)
        waiting.show(lambda: f"{len(there)} of {counted(len(expected), 'row')} in the lake{_waiting_for_cores(stack)}")
        return there == expected

    wait_until(lambda: arrived() or never_read(expected - there), timeout=deadline - time.monotonic(), interval=0.1)
    waiting.done()
    return there == expected


def _stuck(stack: Stack, ids: Iterable[int], start: Ends, newest: datetime | None, what: str, seconds: float) -> str:
    """`start`: the topic's end offsets before the rows were inserted. `seconds`: for how long the round has waited."""
    settings = stack.settings
    journey = locate(
        ids,
        on_topic=find_on_topic(settings.kafka, start, end_offsets(settings.kafka)),
        planned=position.lake_stream(settings).ends,
        committed=position.committed_ends(settings),
        in_lake=position.lake_ids(settings),
    )
    where = explain(
        journey,
        state=position.state_text(settings),
        shift=zone_shift(position.reached(settings), newest),
        logs=str(stack.logs),
    )
    count = len(tuple(ids))
    arrived = f"{len(journey.in_lake)} of {counted(count, 'row')} {'is' if count == 1 else 'are'} in the lake"
    where = where or "  All rows arrived, but the checkpoint or the state is still behind."
    return f"{what} gave up after {seconds:.0f} s: {arrived}.\n{where}{_causes(stack)}"


def _causes(stack: Stack) -> str:
    """Lines about what may be wrong, each with its meaning; empty if nothing is known: a program that waits for cores,
    and the last error of each program since its start.
    """
    waiting = spark_cluster.waiting(stack)
    errors = [(name, programs.error_of(stack, name)) for name in PROGRAM_NAMES]
    lines = [f"\n{waiting}."] if waiting else []
    return "".join([*lines, *(f"\nThe {name}'s last error:\n  {error}" for name, error in errors if error is not None)])


def _waiting_for_cores(stack: Stack) -> str:
    """The end of a line about how far a round is, while a program waits for cores of Spark's cluster."""
    waiting = spark_cluster.waiting(stack)
    return f"; {waiting}" if waiting else ""


def _changes(before: Snapshot, after: Snapshot) -> str:
    def offsets(one: Snapshot) -> int:
        return sum(one.topic_offsets.values())

    rows: list[list[object]] = [
        ["rows in Postgres", before.postgres_rows, after.postgres_rows],
        ["messages on the topic", offsets(before), offsets(after)],
        ["last batch committed", before.last_commit_batch, after.last_commit_batch],
        ["rows in the lake", before.lake_rows, after.lake_rows],
        ["files in the lake", len(before.lake_files), len(after.lake_files)],
        ["state", before.state, after.state],
    ]
    return tabulate(rows, headers=["", "before", "after"], missingval="-", disable_numparse=True)
