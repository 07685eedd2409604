"""What the evidence says right now, for programs that watch a running pipeline.

Nothing here raises for what is missing, half-written or just being replaced: that counts as not there yet.
"""

from __future__ import annotations

from pathlib import Path

from configs.contract import LakeFileRecord
from configs.settings import Settings, SettingsError, local_path
from grader.evidence.checkpoint import Checkpoint
from grader.evidence.lake import Lake
from grader.evidence.listing import file_sha256
from grader.evidence.scan import in_parallel, read_footer, read_table
from grader.evidence.state import State


def lake_files(settings: Settings) -> tuple[LakeFileRecord, ...]:
    """The data files that count, by path, each with its size, sha256 and rows.

    Reads every file whole: take it before and after a round, not to wait by.
    """
    lake = _lake(settings)

    def record(path: str, size: int) -> LakeFileRecord | None:
        footer = read_footer(lake.folder or Path(), path)
        digest = file_sha256((lake.folder or Path()) / path)
        if footer.error or digest is None:
            return None
        return LakeFileRecord(path=path, size=size, sha256=digest, rows=footer.rows)

    records = in_parallel(lambda file: record(file.path, file.size), lake.files)
    return tuple(item for item in records if item is not None)


def lake_rows(settings: Settings) -> int:
    """Rows in the lake, from the footers of the files that count."""
    return sum(footer.rows for footer in _lake(settings).footers)


def lake_ids(settings: Settings, without: frozenset[str] = frozenset()) -> frozenset[int]:
    """The order_ids in the lake, without null; of the files whose paths are not in `without`."""
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
    return frozenset(order_id for some in in_parallel(lambda file: ids(file.path), files) for order_id in some)


def last_offset_batch(settings: Settings) -> int | None:
    """The greatest batch id in the checkpoint's offsets/: planned, and perhaps not finished."""
    return _checkpoint(settings).last_offset_batch


def last_commit_batch(settings: Settings) -> int | None:
    """The greatest batch id in the checkpoint's commits/: finished."""
    return _checkpoint(settings).last_commit_batch


def end_offsets(settings: Settings) -> dict[str, int]:
    """partition -> end offset that the consumer's last planned batch reaches, of the configured topic."""
    offsets = _checkpoint(settings).offsets
    ends = offsets[max(offsets)].get(settings.kafka.topic, {}) if offsets else {}
    return {str(partition): offset for partition, offset in sorted(ends.items())}


def state_text(settings: Settings) -> str | None:
    """The state file's text, stripped; None when there is none."""
    return State(_path(settings.streaming.last_processed_timestamp_location)).text


def _lake(settings: Settings) -> Lake:
    return Lake(_path(settings.datalake.path))


def _checkpoint(settings: Settings) -> Checkpoint:
    return Checkpoint(_path(settings.streaming.checkpoint_location))


def _path(location: str) -> Path | None:
    try:
        return local_path(location)
    except SettingsError:
        return None
