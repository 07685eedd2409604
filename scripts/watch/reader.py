"""Reads snapshots, each part in threads of its own and through its own long-lived connection."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping

import pyarrow as pa
from confluent_kafka import KafkaException

from configs.errors import KitError
from configs.settings import Settings, local_path
from configs.storage import Place, lake_place, quarantine_place
from grader.evidence.checkpoint import Checkpoint
from grader.evidence.lake import NO_PARTITION
from grader.evidence.scan import read_footer, read_table
from scripts.pipeline import position
from scripts.pipeline.topic import Ends, TopicWatch
from scripts.services import kafka, postgres
from scripts.services.stack import Stack
from scripts.watch.database import TableWatch
from scripts.watch.folder import FolderWatch
from scripts.watch.part import Part
from scripts.watch.processes import ProcessWatch
from scripts.watch.snapshot import (
    Batches,
    Day,
    LakeFigures,
    NoAnswer,
    Processes,
    Snapshot,
    StateFile,
    Totals,
    flow,
    lags,
    recent,
)

NO_REASON = "(no reason)"
_CONNECT_TIMEOUT = 2.0  # seconds


class Reader:
    """The snapshots of one stack, one after the other. `clock`: seconds since 1970."""

    def __init__(self, stack: Stack, clock: Callable[[], float] = time.time) -> None:
        settings = self._settings = stack.settings
        self._clock = clock
        self._history: list[Totals] = []
        self._table, self._watched = TableWatch(settings), _Topic(settings)
        place = f"{settings.postgres.host}:{settings.postgres.port}"
        self._processes = Part(ProcessWatch(stack).read, "the processes are not read in time")
        self._orders = Part(self._table.read, f"Postgres does not answer at {place}")
        self._topic = Part(self._watched.ends, f"Kafka does not answer at {settings.kafka.brokers}")
        self._state = Part(lambda: _state(settings), "the state file is not read in time")
        self._batches = Part(lambda: _batches(settings), "the checkpoint is not read in time")
        self._lake = Part(_lake_reader(settings), "the lake is not read in time")
        self._quarantine = Part(_quarantine_reader(settings), "the quarantine is not read in time")

    def read(self, patience: float) -> Snapshot:
        """Everything as it is now; what takes longer than `patience` seconds is as it was, or as Part says."""
        until = time.monotonic() + patience
        self._processes.begin()
        processes = self._processes.answer(until)
        taken = processes.taken if isinstance(processes, Processes) else {}
        for part in (self._state, self._batches, self._lake, self._quarantine):
            part.begin()
        if postgres.NAME not in taken:
            self._orders.begin()
        if kafka.NAME not in taken:
            self._topic.begin()
        orders = NoAnswer(taken[postgres.NAME]) if postgres.NAME in taken else self._orders.answer(until)
        topic = NoAnswer(taken[kafka.NAME]) if kafka.NAME in taken else self._topic.answer(until)
        state, batches = self._state.answer(until), self._batches.answer(until)
        lake, quarantine = self._lake.answer(until), self._quarantine.answer(until)
        at = self._clock()
        self._history = recent([*self._history, Totals.of(at, orders, topic, batches, lake)])
        behind = lags(topic, batches)
        return Snapshot(
            at=at,
            rollnumber=self._settings.rollnumber,
            topic_name=self._settings.kafka.topic,
            orders=orders,
            state=state,
            topic=topic,
            batches=batches,
            lake=lake,
            quarantine=quarantine,
            processes=processes,
            flow=flow(self._history, None if behind is None else sum(behind.values())),
        )

    def close(self) -> None:
        """End the connections. One that waits for an answer ends with this process."""
        if not self._orders.is_reading:
            self._table.close()
        if not self._topic.is_reading:
            self._watched.close()


class _Topic:
    """The topic's end offsets, through one client as long as Kafka answers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._watch: TopicWatch | None = None

    def ends(self) -> Ends:
        """As `TopicWatch.ends`.

        Raises:
            KitError: Kafka does not answer.
        """
        try:
            if self._watch is None:
                # Where nobody listens, a client would try for seconds. And one that lost its broker tries seldom.
                socket.create_connection(self._settings.kafka.first_broker, _CONNECT_TIMEOUT).close()
                self._watch = TopicWatch(self._settings.kafka, patience=0)
            return self._watch.ends()
        except (KafkaException, OSError):
            self.close()
            raise KitError(f"Kafka does not answer at {self._settings.kafka.brokers}") from None

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()
        self._watch = None


def _state(settings: Settings) -> StateFile:
    found = position.state(settings)
    return StateFile(found.text, found.value.timestamp if found.value else None)


def _batches(settings: Settings) -> Batches:
    """The last batch's times are those of Spark's plan and of the file of its commit."""
    folder = local_path(settings.streaming.checkpoint_location)
    found = Checkpoint(folder)
    planned, finished = found.last_offset_batch, found.last_commit_batch
    if finished is None:
        return Batches(planned, None, {})
    ends = found.ends_of(finished)
    started_ms, ended_at = found.started_ms_of(finished), None
    with contextlib.suppress(OSError):
        ended_at = (folder / "commits" / str(finished)).stat().st_mtime
    return Batches(
        planned,
        finished,
        ends.get(settings.kafka.topic, {}),
        other_topics=() if settings.kafka.topic in ends else tuple(ends),
        seconds=None if started_ms is None or ended_at is None else max(0.0, ended_at - started_ms / 1000),
        ended_at=ended_at,
    )


def _lake_reader(settings: Settings) -> Callable[[], LakeFigures]:
    def rows(folder: Place, path: str) -> int | None:
        footer = read_footer(folder, path)
        return None if footer.error else footer.rows

    watch: FolderWatch[int] = FolderWatch(rows)

    def read() -> LakeFigures:
        found = watch.contents(lake_place(settings))
        if found is None:
            return LakeFigures(())
        days: dict[str, list[int]] = {}
        for file, count in found.facts.items():
            if count is not None:
                days.setdefault(file.day or NO_PARTITION, []).append(count)
        return LakeFigures(
            tuple(Day(name, sum(counts), len(counts)) for name, counts in sorted(days.items(), reverse=True)),
            uncounted=len(found.lake.orphans),
            unreadable=sum(count is None for count in found.facts.values()),
            other_format=found.lake.other_format,
        )

    return read


def _quarantine_reader(settings: Settings) -> Callable[[], Mapping[str, int] | None]:
    def reasons(folder: Place, path: str) -> Counter[str] | None:
        try:
            table = read_table(folder, path, ("reason",))
        except (OSError, pa.ArrowException, ValueError):
            return None
        found = table.column(0).to_pylist() if table.num_columns else [None] * table.num_rows
        return Counter(NO_REASON if reason is None else str(reason) for reason in found)

    watch: FolderWatch[Counter[str]] = FolderWatch(reasons)

    def read() -> Mapping[str, int] | None:
        found = watch.contents(quarantine_place(settings))
        if found is None:
            return None
        counts = sum((count for count in found.facts.values() if count is not None), Counter[str]())
        return dict(counts.most_common())

    return read
