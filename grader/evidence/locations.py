"""Where a submission's lake, checkpoint, state file and round records are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from configs.settings import SettingsError, local_path
from grader.evidence.config import Config
from grader.evidence.listing import file_names, folder_names

_DEPTH = 10
_MOST_FOLDERS = 20_000  # of a submission that are looked into, so that a huge one ends too


@dataclass(frozen=True)
class Locations:
    """Paths, which need not exist; None when neither the config nor the shape of the folders tells."""

    lake: Path | None
    checkpoint: Path | None
    state: Path | None
    rounds: Path
    assumptions: tuple[str, ...] = ()


def locate(config: Config) -> Locations:
    """The config's paths; for a submission, what lies outside it or is not there is looked for by its shape.

    A lake is a folder with `_spark_metadata` or with `key=value` folders, a checkpoint one with offsets/ and commits/
    or metadata, a state file one named last_processed*.
    """
    settings = config.settings
    named: dict[str, Path | None] = {"lake": None, "checkpoint": None, "state": None}
    if settings is not None:
        named = {
            "lake": _local(settings.datalake.path),
            "checkpoint": _local(settings.streaming.checkpoint_location),
            "state": _local(settings.streaming.last_processed_timestamp_location),
        }
    assumptions = list(config.assumptions)
    if config.boundary is not None:
        shapes: dict[str, Callable[[Path], Path | None]] = {
            "lake": _as_lake,
            "checkpoint": _as_checkpoint,
            "state": _as_state,
        }
        lost = [name for name, path in named.items() if not (path and _is_inside(path, config.boundary))]
        found = _by_shape(config.boundary, {name: shapes[name] for name in lost})
        for name in lost:
            outside = named[name]
            if name in found:
                named[name] = found[name]
                shown = found[name].relative_to(config.boundary).as_posix()
                assumptions.append(f"{name}: found by its shape at {shown}")
            elif outside is not None and not outside.resolve().is_relative_to(config.boundary):
                named[name] = None
                assumptions.append(f"{name}: {outside} lies outside the submission and was not read")
    return Locations(**named, rounds=config.root / "state" / "rounds", assumptions=tuple(assumptions))


def _local(location: str) -> Path | None:
    try:
        return local_path(location)
    except SettingsError:
        return None


def _is_inside(path: Path, boundary: Path) -> bool:
    return path.exists() and path.resolve().is_relative_to(boundary)


def _by_shape(root: Path, shapes: dict[str, Callable[[Path], Path | None]]) -> dict[str, Path]:
    """The first folder of each shape, topmost first, then by name."""
    found: dict[str, Path] = {}
    level, seen = [root], 0
    for _ in range(_DEPTH):
        below: list[Path] = []
        for folder in level:
            seen += 1
            if len(found) == len(shapes) or seen > _MOST_FOLDERS:
                return found
            for name, shape in shapes.items():
                hit = None if name in found else shape(folder)
                if hit is not None:
                    found[name] = hit
            below += [folder / name for name in folder_names(folder) if not name.startswith((".", "_"))]
        level = below
    return found


def _as_lake(folder: Path) -> Path | None:
    names = folder_names(folder)
    return folder if "_spark_metadata" in names or any("=" in name for name in names) else None


def _as_checkpoint(folder: Path) -> Path | None:
    names = folder_names(folder)
    return folder if "offsets" in names and ("commits" in names or (folder / "metadata").is_file()) else None


def _as_state(folder: Path) -> Path | None:
    names = [name for name in file_names(folder) if name.startswith("last_processed")]
    return folder / names[0] if names else None
