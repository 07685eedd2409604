"""The position of every stage of a running pipeline, and the one answer to "has everything arrived?".

A file that is missing, half-written or just being replaced raises no error: it counts as not there yet.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg2.extensions

from configs.contract import UTC, LakeFileRecord, parse_state
from configs.quarantine_position import read_position
from configs.settings import Settings, SettingsError, local_path
from configs.storage import lake_place
from grader.evidence.checkpoint import Checkpoint
from grader.evidence.lake import Lake
from grader.evidence.listing import file_sha256
from grader.evidence.scan import in_parallel, read_footer, read_table
from grader.evidence.state import State

NO_TOLERANCE = timedelta(0)


@dataclass(frozen=True)
class StreamPosition:
    """The position of the consumer's stream: its last planned and its last finished batch; None for none yet.

    `ends`: partition -> exclusive end offset of the planned batch; empty while the plan is being written.
    """

    planned: int | None
    finished: int | None
    ends: Mapping[int, int]

    def has_finished(self, topic_ends: Mapping[int, int]) -> bool:
        """Whether all that is on the topic is in a finished batch."""
        expected = {partition: end for partition, end in topic_ends.items() if self.planned is not None or end}
        return self.finished == self.planned and self.ends == expected


def lake_stream(settings: Settings) -> StreamPosition:
    """The position of the stream that writes the lake."""
    checkpoint = Checkpoint(_path(settings.streaming.checkpoint_location))
    planned = checkpoint.last_offset_batch
    ends = {} if planned is None else checkpoint.ends_of(planned).get(settings.kafka.topic, {})
    return StreamPosition(planned, checkpoint.last_commit_batch, ends)


def quarantine_ends(settings: Settings) -> Mapping[int, int] | None:
    """partition -> exclusive end offset up to which the quarantine is complete; None for a consumer that has none.

    The kit's own quarantine has a position; a stream of somebody else's has a checkpoint.
    """
    folder = _path(settings.streaming.quarantine_checkpoint_location)
    if folder is None:
        return None
    try:
        position = read_position(folder)
    except (OSError, ValueError):
        return {}
    if position is not None:
        return position.ends
    checkpoint = Checkpoint(folder)
    return _finished_ends(checkpoint, settings.kafka.topic) if checkpoint.exists else None


def committed_ends(settings: Settings) -> Mapping[int, int]:
    """partition -> exclusive end offset of the last batch that the lake's stream has finished."""
    return _finished_ends(Checkpoint(_path(settings.streaming.checkpoint_location)), settings.kafka.topic)


def _finished_ends(checkpoint: Checkpoint, topic: str) -> Mapping[int, int]:
    last = checkpoint.last_commit_batch
    return {} if last is None else checkpoint.ends_of(last).get(topic, {})


def newest_created_at(connection: psycopg2.extensions.connection, table: str) -> datetime | None:
    """The newest created_at of the quoted table that is not in the future: a producer does not read later ones yet.

    Nor any before the year 1, which a datetime cannot hold.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT max(created_at) FROM {table}"
            " WHERE created_at >= '0001-01-01' AND created_at < now() AT TIME ZONE 'UTC'"
        )
        row = cursor.fetchone()
    return row[0].replace(tzinfo=UTC) if row and row[0] else None


def state(settings: Settings) -> State:
    """The producer's state file."""
    return State(_path(settings.streaming.last_processed_timestamp_location))


def state_text(settings: Settings) -> str | None:
    """The state file's text, stripped; None when there is none."""
    return state(settings).text


def reached(settings: Settings) -> datetime | None:
    """The state file's timestamp; None if there is no file, or no timestamp in it."""
    text = state_text(settings)
    try:
        return parse_state(text).timestamp if text else None
    except ValueError:
        return None


def is_published(settings: Settings, newest: datetime | None, tolerance: timedelta = NO_TOLERANCE) -> bool:
    """Whether the state is at `newest`, or at most `tolerance` before it."""
    at = reached(settings)
    return newest is None or (at is not None and at >= newest - tolerance)


def is_read(settings: Settings, topic_ends: Mapping[int, int], *, with_quarantine: bool = True) -> bool:
    """Whether the consumer has finished all that is on the topic. If it has a quarantine, that too."""
    return lake_stream(settings).has_finished(topic_ends) and not (
        with_quarantine and is_quarantine_behind(settings, topic_ends)
    )


def is_quarantine_behind(settings: Settings, topic_ends: Mapping[int, int]) -> bool:
    """Whether the consumer has a quarantine that is not complete up to the topic's end."""
    ends = quarantine_ends(settings)
    return ends is not None and any(ends.get(partition, 0) < end for partition, end in topic_ends.items())


def is_settled(
    settings: Settings,
    newest: datetime | None,
    topic_ends: Mapping[int, int],
    *,
    with_quarantine: bool = True,
    tolerance: timedelta = NO_TOLERANCE,
) -> bool:
    """Whether everything has arrived: all rows up to `newest` are published, and all that is published is read."""
    return is_published(settings, newest, tolerance) and is_read(settings, topic_ends, with_quarantine=with_quarantine)


class Quiet:
    """When called again and again, tells whether the lake got no new row for `seconds`.

    For programs that lose rows: `is_settled` never holds for them.
    """

    def __init__(self, settings: Settings, seconds: float) -> None:
        self._settings = settings
        self._seconds = seconds
        self._seen = -1
        self._since = time.monotonic()

    def __call__(self) -> bool:
        rows = lake_rows(self._settings)
        if rows != self._seen:
            self._seen, self._since = rows, time.monotonic()
        return time.monotonic() - self._since > self._seconds


def lake_files(settings: Settings) -> tuple[LakeFileRecord, ...]:
    """The data files that count, by path, each with its size, sha256 and rows.

    Reads every file completely: use it before and after a round, not to wait for rows.
    """
    lake = _lake(settings)

    def record(path: str, size: int) -> LakeFileRecord | None:
        footer = read_footer(lake.folder or Path(), path)
        digest = file_sha256((lake.folder or Path()) / path)
        if footer.error or digest is None:
            return None
        return LakeFileRecord(path=path, size=size, sha256=digest, rows=footer.rows)

    records = in_parallel(lambda file: record(file.path, file.size), lake.files, lake.folder)
    return tuple(item for item in records if item is not None)


def lake_rows(settings: Settings) -> int:
    """Rows in the lake, from the footers of the files that count."""
    return sum(footer.rows for footer in _lake(settings).footers)


def lake_ids(settings: Settings, without: frozenset[str] = frozenset()) -> frozenset[int]:
    """The order_ids in the lake, without null; of the files whose paths are not in `without`."""
    return frozenset(lake_id_counts(settings, without))


def lake_id_counts(settings: Settings, without: frozenset[str] = frozenset()) -> Counter[int]:
    """order_id -> how many times it is in the lake; as `lake_ids`."""
    import pyarrow as pa

    lake = _lake(settings)

    def ids(path: str) -> list[int]:
        try:
            table = read_table(lake.folder or Path(), path, ("order_id",))
        except (OSError, pa.ArrowException, ValueError):
            return []
        found: list[object] = table.column(0).to_pylist() if table.num_columns else []
        return [value for value in found if isinstance(value, int)]

    files = [file for file in lake.files if file.path not in without]
    return Counter(
        order_id for some in in_parallel(lambda file: ids(file.path), files, lake.folder) for order_id in some
    )


def _lake(settings: Settings) -> Lake:
    try:
        return Lake(lake_place(settings))
    except SettingsError:
        return Lake(None)


def _path(location: str) -> Path | None:
    try:
        return local_path(location)
    except SettingsError:
        return None
