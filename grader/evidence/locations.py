"""Finds a submission's lake, checkpoint, state file and round records."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from configs.contract import COLUMN_NAMES
from configs.settings import SettingsError, local_path
from configs.storage import Place, S3Path, place
from grader.evidence.checkpoint import Checkpoint
from grader.evidence.config import Config
from grader.evidence.lake_format import is_data, table_format
from grader.evidence.listing import file_names, folder_names, list_parquet
from grader.evidence.scan import read_footer
from grader.evidence.sink_log import FOLDER as SINK_LOG
from grader.evidence.sink_log import SinkLog, path_in_lake, read_sink_log
from grader.evidence.state import State

_DEPTH = 12
_CHECKPOINTS_TRIED = 20  # if a submission has several
_NO_BATCH = 10_000_000  # more than the distance of any two batches
_MAX_FOLDERS = 20_000  # folders of a submission that are searched; limits the time for a huge one
_FILES_TRIED = 3  # files of a lake that are opened to find its columns
# A quarantine is also a lake with a checkpoint. It must not be confused with the lake of the orders.
_QUARANTINE_COLUMNS = frozenset({"reason", "raw"})
_QUARANTINE_NAME = re.compile(r"quarantine|reject|invalid|dead.?letter|dlq|corrupt|(^|_)bad(_|$)", re.IGNORECASE)
_SINK_LOG_NAME = re.compile(r"_?spark_metadata", re.IGNORECASE)
_SPARK_FILE = re.compile(r"part-\d{5}", re.ASCII)
_STATE_NAME = re.compile(r"last|state|processed|timestamp|watermark|cursor", re.IGNORECASE)
_STATE_FOLDER_NAME = re.compile(r"last|processed|timestamp|watermark|cursor", re.IGNORECASE)
_NO_STATE = (".py", ".sh", ".sql", ".md", ".yml", ".yaml", ".crc", ".parquet", ".log", ".ipynb")

Rank: TypeAlias = tuple[object, ...]  # of a candidate: the lowest wins


@dataclass(frozen=True)
class OtherData:
    """Parquet files without any column of orders: their folder, relative to the submission, and their columns."""

    folder: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Locations:
    """Paths, which need not exist; None if neither the config nor the shape of the folders shows them.

    `sink_log` is the lake's log if it was moved out of the lake; None if it is in the lake, or does not exist.
    `other_data` is what a submission without a lake has instead.
    """

    lake: Place | None
    checkpoint: Path | None
    state: Path | None
    rounds: Path
    sink_log: Path | None = None
    other_data: OtherData | None = None
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Folder:
    """A folder of the submission: its depth, and the names in it, without links."""

    path: Path
    depth: int
    folders: tuple[str, ...]
    files: tuple[str, ...]


def locate(config: Config) -> Locations:
    """The config's paths. In a submission, a path may lead outside, be missing, or be something else.

    Then the folder or file is searched by its shape:

    - lake: a folder with `_spark_metadata`, `key=value` folders or Parquet files that have the columns of orders.
    - checkpoint: a folder with offsets/ and commits/, or offsets/ and metadata. Of several, the one of the lake.
    - state file: a text with a timestamp and a name such as last_processed_timestamp.

    A quarantine is none of these.
    """
    on_s3 = lake_on_s3(config)
    places = _named(config)
    nowhere = config.root / "no rounds"
    if config.boundary is None:
        return Locations(
            on_s3 or places["lake"],
            places["checkpoint"],
            places["state"],
            places["rounds"] or nowhere,
            assumptions=config.assumptions,
        )
    shapes: dict[str, Callable[[_Folder], tuple[Rank, Path] | None]] = {
        "lake": _as_lake,
        "checkpoint": _as_checkpoint,
        "state": _as_state,
        "rounds": _as_rounds,
    }
    assumptions = list(config.assumptions)
    lost = [name for name, path in places.items() if not _is_right(name, path, config.boundary)]
    if on_s3 is not None:
        lost.remove("lake")
    elif config.settings is not None and config.settings.on_s3:
        assumptions.append(
            f"lake: {config.settings.datalake.path} is on S3, and nothing asks an address that only a submission "
            "names. To read it, grade with --config and a config of yours that names it"
        )
    found = _by_shape(config.boundary, {name: shapes[name] for name in lost})
    for name in lost:
        place = places[name]
        if name in found:
            paths, why = found[name], ""
            if name == "checkpoint" and len(paths) > 1:
                topic = config.settings.kafka.topic if config.settings else None
                paths, why = _by_fit(paths, _sink_log(places["lake"], config.boundary), topic)
            places[name] = paths[0]
            shown = [path.relative_to(config.boundary).as_posix() for path in paths]
            others = f"; not used: {', '.join(shown[1:4])}" if shown[1:] else ""
            assumptions.append(f"{name}: found by its shape at {shown[0]}{why}{others}")
        elif place is not None and not _is_inside(place, config.boundary):
            places[name] = None
            assumptions.append(f"{name}: {place} is outside the submission and was not read")
    sink_log = _moved_sink_log(places["lake"], config.boundary)
    if sink_log is not None:
        shown_log = sink_log.relative_to(config.boundary).as_posix()
        assumptions.append(
            f"lake: its {SINK_LOG} was moved out of it; found at {shown_log}, because it names its files"
        )
    return Locations(
        lake=on_s3 or places["lake"],
        checkpoint=places["checkpoint"],
        state=places["state"],
        rounds=places["rounds"] or nowhere,
        sink_log=sink_log,
        other_data=None if on_s3 is not None or _exists(places["lake"]) else _other_data(config.boundary),
        assumptions=tuple(assumptions),
    )


def _sink_log(lake: Path | None, boundary: Path) -> SinkLog | None:
    if lake is None or not _is_inside(lake, boundary):
        return None
    moved = _moved_sink_log(lake, boundary)
    return SinkLog(moved) if moved is not None else read_sink_log(lake)


def _by_fit(paths: tuple[Path, ...], log: SinkLog | None, topic: str | None) -> tuple[tuple[Path, ...], str]:
    """Checkpoints, given best first by their shape, now those of the lake first. And the reason, for the report.

    A checkpoint belongs to the lake if its last batch is that of the lake's log, and if it reads the topic. A
    quarantine's checkpoint fits as well, so its name counts first.
    """
    last = log.last_batch if log is not None else None
    fits = {path: _misfit(Checkpoint(path), last, topic) for path in paths[:_CHECKPOINTS_TRIED]}
    tried = sorted(fits, key=lambda path: (_QUARANTINE_NAME.search(path.name) is not None, fits[path]))
    other_topic, distance = fits[tried[0]]
    reasons = [f"fits the lake's log, which ends at batch {last}"] if last is not None and not distance else []
    reasons += ["reads the topic"] if topic is not None and not other_topic else []
    why = f", because it {', and '.join(reasons)}" if reasons else ""
    return (*tried, *paths[_CHECKPOINTS_TRIED:]), why


def _misfit(checkpoint: Checkpoint, last: int | None, topic: str | None) -> tuple[bool, int]:
    """Whether it reads another topic than `topic`, and how many batches its end is from `last`, that of the lake."""
    planned = checkpoint.last_offset_batch
    if planned is None:
        return True, _NO_BATCH
    topics = checkpoint.ends_of(planned).keys()
    other_topic = not topics if topic is None else topics != {topic}
    # One batch more than the lake has can be in flight.
    return other_topic, 0 if last is None or planned == last + 1 else abs(planned - last)


def _exists(path: Path | None) -> bool:
    return path is not None and path.is_dir()


def _other_data(boundary: Path) -> OtherData | None:
    """The first folder with Parquet files of other data, level by level. A quarantine is not other data."""
    for folder in _walk(boundary):
        columns = _columns(folder, [name for name in folder.folders if "=" in name])
        if columns and not columns.keys() & set(COLUMN_NAMES) and not columns.keys() >= _QUARANTINE_COLUMNS:
            return OtherData(folder.path.relative_to(boundary).as_posix(), tuple(columns))
    return None


def _moved_sink_log(lake: Path | None, boundary: Path) -> Path | None:
    """For a lake without a log: the log in another folder that names most of its files.

    A log of another lake names none of them, because Spark gives each file a unique name.
    """
    if lake is None or not _is_inside(lake, boundary) or SINK_LOG in folder_names(lake):
        return None
    listing = frozenset(list_parquet(lake, boundary))
    ranked = []
    for folder in _walk(boundary) if listing else ():
        for name in folder.folders:
            if _SINK_LOG_NAME.fullmatch(name):
                named = {path_in_lake(file.path, listing, lake) for file in SinkLog(folder.path / name).files}
                ranked.append((-len(named & listing), folder.depth, folder.path / name))
    fits, _, found = min(ranked, default=(0, 0, None))
    return found if fits else None


def _named(config: Config) -> dict[str, Path | None]:
    if config.settings is None:
        return {"lake": None, "checkpoint": None, "state": None, "rounds": None}
    return {
        "lake": _local(config.settings.datalake.path),
        "checkpoint": _local(config.settings.streaming.checkpoint_location),
        "state": _local(config.settings.streaming.last_processed_timestamp_location),
        "rounds": config.settings.rounds_folder,
    }


def lake_on_s3(config: Config) -> S3Path | None:
    """The lake of the config, if it is on S3 and may be asked for."""
    if config.settings is None or not config.is_trusted:
        return None
    try:
        found = place(config.settings.datalake.path, config.settings.s3)
    except (SettingsError, ValueError):
        return None
    return found if isinstance(found, S3Path) else None


def _local(location: str) -> Path | None:
    try:
        return local_path(location)
    except (SettingsError, ValueError):
        return None


def _is_right(name: str, path: Path | None, boundary: Path) -> bool:
    """Whether the path is inside the submission, and does not look like something else."""
    if path is None or not _is_inside(path, boundary) or not path.exists():
        return False
    if name == "lake":
        return _as_lake(_folder(path, 0)) is not None
    if name == "checkpoint":
        return _as_checkpoint(_folder(path, 0)) is not None
    return True


def _is_inside(path: Path, boundary: Path) -> bool:
    try:
        return path.resolve().is_relative_to(boundary)
    except (OSError, ValueError, RuntimeError):  # a NUL byte, a name that is too long, links in a circle
        return False


def _by_shape(
    root: Path, shapes: dict[str, Callable[[_Folder], tuple[Rank, Path] | None]]
) -> dict[str, tuple[Path, ...]]:
    """The candidates for each shape, the best first."""
    if not shapes:
        return {}
    ranked: dict[str, list[tuple[Rank, Path]]] = {name: [] for name in shapes}
    for folder in _walk(root):
        for name, shape in shapes.items():
            hit = shape(folder)
            if hit is not None:
                ranked[name].append(hit)
    return {
        name: tuple(path for _, path in sorted(hits, key=lambda hit: (*hit[0], str(hit[1]))))
        for name, hits in ranked.items()
        if hits
    }


def _walk(root: Path) -> Iterable[_Folder]:
    level, seen = [root], 0
    for depth in range(_DEPTH):
        below: list[Path] = []
        for path in level:
            seen += 1
            if seen > _MAX_FOLDERS:
                return
            folder = _folder(path, depth)
            yield folder
            below += [path / name for name in folder.folders if name[0] not in "._" and "=" not in name]
        level = below


def _folder(path: Path, depth: int) -> _Folder:
    return _Folder(path, depth, tuple(folder_names(path)), tuple(file_names(path)))


def _as_lake(folder: _Folder) -> tuple[Rank, Path] | None:
    has_log = SINK_LOG in folder.folders
    days = [name for name in folder.folders if "=" in name]
    is_table = table_format(folder.path) is not None
    sparks = any(_SPARK_FILE.match(name) and is_data(name) for name in folder.files)
    if not (has_log or days or is_table or sparks or any(_is_data(name) for name in folder.files)):
        return None
    columns = _columns(folder, days)
    if columns.keys() >= _QUARANTINE_COLUMNS:
        return None
    # The Parquet files of an Iceberg table are in a folder below, which must not be taken for the lake.
    known = len(COLUMN_NAMES if is_table and not columns else columns.keys() & set(COLUMN_NAMES))
    if not known and (columns or not (has_log or days or sparks)):
        return None  # Parquet of something else
    is_named_so = _QUARANTINE_NAME.search(folder.path.name) is not None
    return (-known, is_named_so, not has_log, folder.depth), folder.path


def _columns(folder: _Folder, days: list[str]) -> Mapping[str, None]:
    """The columns of the first readable file, in their order; empty without one."""
    paths = [name for name in folder.files if _is_data(name)]
    for day in days:
        if len(paths) >= _FILES_TRIED:
            break
        inside = [f"{day}/{name}" for name in file_names(folder.path / day) if _is_data(name)]
        # date=2025-11-18/hour=12/ and the like
        deeper = [f"{day}/{sub}" for sub in folder_names(folder.path / day) if "=" in sub][:1]
        inside += [f"{sub}/{name}" for sub in deeper for name in file_names(folder.path / sub) if _is_data(name)]
        paths += inside[:1]
    for path in paths[:_FILES_TRIED]:
        schema = read_footer(folder.path, path).schema
        if schema is not None:
            return dict.fromkeys(schema.names)
    return {}


def _is_data(name: str) -> bool:
    return name.endswith((".parquet", ".parq")) and name[0] not in "._"


def _as_checkpoint(folder: _Folder) -> tuple[Rank, Path] | None:
    whole = "offsets" in folder.folders and "commits" in folder.folders
    if not whole and not ("offsets" in folder.folders and "metadata" in folder.files):
        return None
    is_named_so = _QUARANTINE_NAME.search(folder.path.name) is not None
    return (is_named_so, not whole, folder.depth), folder.path


def _as_state(folder: _Folder) -> tuple[Rank, Path] | None:
    if folder.path.name == "rounds" or {"offsets", "commits"} & set(folder.folders):
        return None
    names = [name for name in folder.files if _STATE_NAME.search(name) and not name.lower().endswith(_NO_STATE)]
    inside = [name for name in folder.folders if _STATE_FOLDER_NAME.search(name)]
    hits = []
    for name in [*names, *inside]:
        place = folder.path / name
        usual = name.startswith("last_processed")
        readable = State(place).value is not None
        if usual or readable:
            hits.append(((not readable, not usual, folder.depth, name), place))
    return min(hits, default=None, key=lambda hit: hit[0])


def _as_rounds(folder: _Folder) -> tuple[Rank, Path] | None:
    records = [name for name in folder.files if re.fullmatch(r"round\d+\.json", name)]
    return ((folder.depth,), folder.path) if records else None
