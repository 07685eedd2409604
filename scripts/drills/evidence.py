"""What a drill reads: Postgres, the topic, the lake and the quarantine. Each time it reads only what is new."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import psycopg2.extensions

from configs.contract import AMOUNT_PRECISION, AMOUNT_SCALE, COLUMN_NAMES, EPOCH, UTC
from configs.settings import Settings
from configs.storage import Place as Folder
from configs.storage import lake_place, quarantine_place
from grader.evidence.lake import Lake
from grader.evidence.orders import MICROSECOND, normal_table
from grader.evidence.scan import read_table
from scripts.drills.balance import Message, Place, Values
from scripts.pipeline.topic import Ends, TopicWatch, read_messages


@dataclass(frozen=True)
class Gathered:
    """What is new since the last call. Values are as from `normal_table`, with the row's date folder."""

    messages: tuple[Message, ...]
    lake: tuple[tuple[int | None, Values], ...]
    quarantine: tuple[Place, ...]


class EvidenceReader:
    """Reads a stack's topic, lake and quarantine; `published` and `in_lake` are the order_ids of all calls."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._read: Ends = {}
        self._read_files: set[str] = set()
        self.published: set[int] = set()
        self.in_lake: set[int] = set()

    def gather(self) -> Gathered:
        """What is new since the last call."""
        lake = tuple(self._new_rows(lake_place(self._settings)))
        quarantine = tuple(self._new_places(quarantine_place(self._settings)))
        messages = tuple(self._new_messages())
        return Gathered(messages, lake, quarantine)

    def remember(self, gathered: Gathered) -> None:
        """From now on, treat what was gathered as known."""
        self.published |= {message.order_id for message in gathered.messages if message.order_id is not None}
        self.in_lake |= {order_id for order_id, _ in gathered.lake if order_id is not None}

    def _new_messages(self) -> Iterator[Message]:
        kafka = self._settings.kafka
        with contextlib.closing(TopicWatch(kafka)) as watch:
            ends = watch.ends()
        for message in read_messages(kafka, self._read, ends):
            yield Message((message.partition, message.offset), message.order_id)
        self._read = ends

    def _new_rows(self, folder: Folder) -> Iterator[tuple[int | None, Values]]:
        for path, day in self._new_files(folder):
            table = normal_table(read_table(folder, path, COLUMN_NAMES))
            for row in table.to_pylist():
                order_id = row.pop("order_id")
                yield order_id, (*(_exact(value) for value in row.values()), day)

    def _new_places(self, folder: Folder) -> Iterator[Place]:
        for path, _ in self._new_files(folder):
            table = read_table(folder, path, ("partition", "offset"))
            yield from zip(table.column("partition").to_pylist(), table.column("offset").to_pylist(), strict=True)

    def _new_files(self, folder: Folder) -> Iterator[tuple[str, str | None]]:
        """The files in the sink log that no earlier call has read."""
        if not folder.is_dir():
            return
        for file in Lake(folder).files:
            key = str(folder / file.path)
            if key not in self._read_files:
                self._read_files.add(key)
                yield file.path, file.day


def _exact(value: object) -> object:
    """An amount as the float nearest to its decimal. A DECIMAL that became a float by division may differ a little."""
    return round(value, AMOUNT_SCALE) if isinstance(value, float) else value


@dataclass(frozen=True)
class Source:
    """The rows of Postgres that a drill has inserted: the good ones with their values, and the created_at of all."""

    good: dict[int, Values]
    created_at: dict[int, datetime]


def read_source(connection: psycopg2.extensions.connection, table: str, after_id: int) -> Source:
    """The rows with an order_id above `after_id`. A good row is one that the lake can hold: see configs/contract.py."""
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
            good[order_id] = (*map(_exact, values), micros, f"{created_at:%Y-%m-%d}")
    return Source(good, moments)
