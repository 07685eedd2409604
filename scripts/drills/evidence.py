"""What a drill reads: Postgres, the topic, the lake and the quarantine, each time only what has been added."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg2.extensions
from confluent_kafka import Consumer, KafkaException, TopicPartition

from configs.contract import AMOUNT_PRECISION, AMOUNT_SCALE, COLUMN_NAMES, EPOCH, UTC, parse_state, state_file
from configs.settings import Kafka, Settings, local_path
from grader.evidence.lake import Lake
from grader.evidence.orders import MICROSECOND, normal_table
from grader.evidence.scan import read_table
from scripts.drills.balance import Message, Place, Values

READ_TIMEOUT = 10.0  # seconds without a message of a topic that has more


@dataclass(frozen=True)
class Gathered:
    """What has been added since the last look. Values as of `normal_table`, with the row's date folder."""

    messages: tuple[Message, ...]
    lake: tuple[tuple[int | None, Values], ...]
    quarantine: tuple[Place, ...]


class EvidenceReader:
    """Reads a stack's topic, lake and quarantine; `published` and `in_lake` are the order_ids of all looks so far."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._positions: dict[int, int] = {}
        self._read_files: set[str] = set()
        self.published: set[int] = set()
        self.in_lake: set[int] = set()

    def gather(self) -> Gathered:
        """What came since the last call."""
        lake = tuple(self._new_rows(Path(self._settings.datalake.path)))
        quarantine = tuple(self._new_places(Path(self._settings.datalake.quarantine_path)))
        messages = tuple(self._new_messages())
        return Gathered(messages, lake, quarantine)

    def remember(self, gathered: Gathered) -> None:
        """Count what was gathered as known from now on."""
        self.published |= {message.order_id for message in gathered.messages if message.order_id is not None}
        self.in_lake |= {order_id for order_id, _ in gathered.lake if order_id is not None}

    def _new_messages(self) -> Iterator[Message]:
        ends = topic_ends(self._settings.kafka)
        left = sum(end - self._positions.get(partition, 0) for partition, end in ends.items())
        places = [
            TopicPartition(self._settings.kafka.topic, partition, self._positions.get(partition, 0))
            for partition, end in ends.items()
            if end > self._positions.get(partition, 0)
        ]
        if not places:
            return
        with contextlib.closing(_client(self._settings.kafka)) as client:
            client.assign(places)
            while left > 0:
                message = client.poll(READ_TIMEOUT)
                if message is None:
                    raise TimeoutError(f"Kafka sent no message for {READ_TIMEOUT:.0f} s, and {left} are still to come")
                partition, offset = message.partition(), message.offset()
                if message.error() or partition is None or offset is None or offset >= ends[partition]:
                    continue
                left -= 1
                yield Message((partition, offset), _order_id(message.value()))
        self._positions = ends

    def _new_rows(self, folder: Path) -> Iterator[tuple[int | None, Values]]:
        for path, day in self._new_files(folder):
            table = normal_table(read_table(folder, path, COLUMN_NAMES))
            for row in table.to_pylist():
                order_id = row.pop("order_id")
                yield order_id, (*row.values(), day)

    def _new_places(self, folder: Path) -> Iterator[Place]:
        for path, _ in self._new_files(folder):
            table = read_table(folder, path, ("partition", "offset"))
            yield from zip(table.column("partition").to_pylist(), table.column("offset").to_pylist(), strict=True)

    def _new_files(self, folder: Path) -> Iterator[tuple[str, str | None]]:
        """The files that count, by the sink log, and that no earlier look has read."""
        if not folder.is_dir():
            return
        for file in Lake(folder).files:
            key = str(folder / file.path)
            if key not in self._read_files:
                self._read_files.add(key)
                yield file.path, file.day


def _client(kafka: Kafka) -> Consumer:
    return Consumer(
        {"bootstrap.servers": kafka.brokers, "group.id": "drills", "enable.auto.commit": False, "log_level": 0}
    )


def topic_ends(kafka: Kafka, client: Consumer | None = None) -> dict[int, int]:
    """Partition -> the offset that its next message will have.

    Raises:
        KafkaException: Kafka does not say, also not within READ_TIMEOUT of its start.
    """
    deadline = time.monotonic() + READ_TIMEOUT
    with contextlib.ExitStack() as stack:
        asked = client or stack.enter_context(contextlib.closing(_client(kafka)))
        while True:
            try:
                return {
                    partition: asked.get_watermark_offsets(TopicPartition(kafka.topic, partition), timeout=10)[1]
                    for partition in range(kafka.partitions)
                }
            except KafkaException:  # after a start of Kafka, its partitions have no leader for a moment
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


class TopicWatch:
    """Watches the topic through one connection, which reports a new message within a millisecond or two."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._client = _client(kafka)

    def length(self) -> int:
        """Messages of all partitions."""
        return sum(topic_ends(self._kafka, self._client).values())

    def from_here(self) -> None:
        """Forget what is on the topic so far."""
        ends = topic_ends(self._kafka, self._client)
        self._client.assign([TopicPartition(self._kafka.topic, partition, end) for partition, end in ends.items()])
        self._client.poll(0.05)  # the first request takes longer than those that follow

    def has_message(self, timeout: float) -> bool:
        """Whether a message comes within `timeout` seconds."""
        message = self._client.poll(timeout)
        return message is not None and message.error() is None

    def close(self) -> None:
        self._client.close()


def _order_id(value: bytes | None) -> int | None:
    try:
        event = json.loads(value or b"")
    except ValueError:
        return None
    order_id = event.get("order_id") if isinstance(event, dict) else None
    return order_id if isinstance(order_id, int) and not isinstance(order_id, bool) else None


@dataclass(frozen=True)
class Source:
    """The rows of Postgres that a drill has inserted: the good ones with their values, and created_at of all."""

    good: dict[int, Values]
    created_at: dict[int, datetime]


def read_source(connection: psycopg2.extensions.connection, table: str, after_id: int) -> Source:
    """The rows with an order_id above `after_id`. Good is what the lake can hold: see configs/contract.py."""
    largest = 10 ** (AMOUNT_PRECISION - AMOUNT_SCALE)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT order_id, customer_name, restaurant_name, item, amount::float8, order_status, created_at,"
            f" amount >= 0 AND amount < {largest} AND amount = round(amount, {AMOUNT_SCALE})"
            f" FROM {table} WHERE order_id > %s",
            [after_id],
        )
        rows = cursor.fetchall()
    good: dict[int, Values] = {}
    moments: dict[int, datetime] = {}
    for order_id, *values, created_at, is_good in rows:
        moments[order_id] = created_at.replace(tzinfo=UTC)
        if is_good:
            micros = (moments[order_id] - EPOCH) // MICROSECOND
            good[order_id] = (*values, micros, f"{created_at:%Y-%m-%d}")
    return Source(good, moments)


def read_reached(settings: Settings) -> datetime | None:
    """The state file's timestamp; None where there is none, or it holds none."""
    path = state_file(local_path(settings.streaming.last_processed_timestamp_location))
    try:
        return parse_state(path.read_text(encoding="utf-8")).timestamp
    except (OSError, ValueError):
        return None


@dataclass(frozen=True)
class StreamPlace:
    """Where a stream stands: its last planned and last finished batch, and where the planned one ends."""

    planned: int
    finished: int
    ends: dict[int, int]


def stream_place(checkpoint: Path, topic: str) -> StreamPlace:
    """Read a checkpoint's newest files. -1 and empty for what is not there yet or just being written."""
    planned, finished = last_batch(checkpoint / "offsets"), last_batch(checkpoint / "commits")
    try:
        line = (checkpoint / "offsets" / str(planned)).read_text(encoding="utf-8").splitlines()[-1]
        ends = {int(partition): offset for partition, offset in json.loads(line).get(topic, {}).items()}
    except (OSError, ValueError, IndexError, AttributeError):
        ends = {}
    return StreamPlace(planned, finished, ends)


def last_batch(folder: Path) -> int:
    """The greatest batch id of a log folder of Spark, -1 for none."""
    try:
        names = [path.name.removesuffix(".compact") for path in folder.iterdir()]
    except OSError:
        return -1
    return max((int(name) for name in names if name.isdigit()), default=-1)
