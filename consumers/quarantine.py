"""The quarantine (a dead-letter queue): every message that may not enter the lake, with its reason and its place.

The lake's stream counts in each batch how many messages it rejects. Only where it rejects some are the batch's messages
read a second time, and the rejected ones written here. What the stream has read without a count, because it was
stopped or killed, is read again when it starts.

A file is noted in the position (configs/quarantine_position.py) before it is written, and appears under its name only
when it is whole. So each message is in the quarantine exactly once, whenever the program is killed.
"""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType

import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody gives it

from configs.program import ProgramError
from configs.quarantine_position import FILE, Ends, NextFile, QuarantinePosition, read_position
from configs.settings import Settings, local_path
from configs.storage import move_file, parquet_source, quarantine_place, remove_tree
from configs.wording import counted
from consumers.order_events import BYTES, RAW, REASON, with_reasons


class Quarantine:
    """The quarantine of one topic, and the position up to which it is complete."""

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        self._spark = spark
        self._kafka = settings.kafka
        self._folder = quarantine_place(settings)
        self._checkpoint = local_path(settings.streaming.quarantine_checkpoint_location)
        self._position: QuarantinePosition | None = None

    def open(self, topic_id: str) -> None:
        """Read the position, or begin a new quarantine; write the file that a crash has interrupted.

        Raises:
            ProgramError: folder, position and topic do not belong together.
        """
        position = stored = self._stored()
        files = self._files()
        if position is None:
            if files or (self._folder / "_spark_metadata").exists():
                raise ProgramError(
                    f"The quarantine {self._folder} has files, but {self._checkpoint} has no {FILE}. It was deleted, "
                    "or an earlier version of this kit wrote them. Put it back. Or move the quarantine away (use mv): "
                    "then it is written again from the topic."
                )
            position = QuarantinePosition(self._kafka.topic, topic_id)
        if (position.topic, position.topic_id) != (self._kafka.topic, topic_id):
            raise ProgramError(
                f"The quarantine's position {self._checkpoint / FILE} is of another topic (now {self._kafka.topic}, "
                f"id {topic_id}; then {position.topic}, id {position.topic_id}). Move {self._checkpoint} and "
                f"{self._folder} away (use mv, delete nothing)."
            )
        if len(files) < position.files:
            raise ProgramError(
                f"The quarantine {self._folder} has {counted(len(files), 'file')}, and its position counts "
                f"{position.files}. Put them back. Or move it and {self._checkpoint} away (use mv, delete nothing): "
                "then it is written again from the topic."
            )
        next_file = position.next_file
        self._position = position = replace(position, next_file=None)
        if stored is None:
            position.store(self._checkpoint)
        # An earlier version kept the file of a crash in the position, also when later ones were written.
        if next_file is not None and any(end > position.ends.get(at, 0) for at, end in next_file.ends.items()):
            self._write(next_file)

    def cover(self, ends: Ends, rejected: int | None = None, begin: Ends = MappingProxyType({})) -> None:
        """Make the quarantine complete up to `ends`.

        `rejected`: how many messages between `begin` and `ends` are rejected; None: not known. Messages before `begin`
        that the quarantine does not cover yet are read too.
        """
        position = self._position
        assert position is not None, "open() comes first"
        ends = {**position.ends, **{at: end for at, end in ends.items() if end > position.ends.get(at, 0)}}
        if ends == position.ends:
            return
        is_next = all(first <= position.ends.get(at, 0) for at, first in begin.items())
        if is_next and rejected == 0:
            self._position = replace(position, ends=ends)
            self._position.store(self._checkpoint)
        else:
            self._write(NextFile(f"rejected-{position.files + 1:06d}.parquet", ends))

    def _write(self, file: NextFile) -> None:
        position = self._position
        assert position is not None
        planned = replace(position, next_file=file)
        planned.store(self._checkpoint)
        rejected = self._rejected(position.ends, file.ends)
        target = self._folder / file.name
        writing = self._folder / f"_{file.name}.writing"
        remove_tree(writing)
        rejected.coalesce(1).write.parquet(str(writing))
        (written,) = writing.glob("part-*.parquet")
        has_rows = pq.read_metadata(parquet_source(written)).num_rows > 0  # none, if the count was not known
        if has_rows:
            move_file(written, target)
        remove_tree(writing)
        self._position = replace(position, ends=file.ends, files=position.files + has_rows)
        self._position.store(self._checkpoint)

    def _rejected(self, begin: Ends, end: Ends) -> DataFrame:
        """The rejected messages between two positions. Their offsets are fixed, so a second read finds the same."""
        ranges = {at: (begin.get(at, 0), last) for at, last in end.items() if last > begin.get(at, 0)}
        topic = self._kafka.topic
        reader = self._spark.read.format("kafka")
        for key, value in {
            "kafka.bootstrap.servers": self._kafka.brokers,
            "kafka.isolation.level": "read_committed",
            "assign": json.dumps({topic: list(ranges)}),
            "startingOffsets": json.dumps({topic: {at: first for at, (first, _) in ranges.items()}}),
            "endingOffsets": json.dumps({topic: {at: last for at, (_, last) in ranges.items()}}),
        }.items():
            reader = reader.option(key, value)
        messages = with_reasons(reader.load()).where(F.col(REASON).isNotNull())
        return messages.select(REASON, "topic", "partition", "offset", RAW, BYTES)

    def _files(self) -> list[str]:
        return sorted(path.name for path in self._folder.glob("rejected-*.parquet"))

    def _stored(self) -> QuarantinePosition | None:
        try:
            return read_position(self._checkpoint)
        except (OSError, ValueError) as error:
            raise ProgramError(
                f"The quarantine's position {self._checkpoint / FILE} cannot be read ({error}). Move "
                f"{self._checkpoint} and {self._folder} away (use mv, delete nothing): then the quarantine is written "
                "again from the topic."
            ) from None
