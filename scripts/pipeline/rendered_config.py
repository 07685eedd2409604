"""The config file that a program of somebody else gets: every value literal, with this stack's addresses and folders.

Students' programs use the values as they stand: `f"{batch_interval} seconds"`, `time.sleep(poll_interval_sec)`, a table
name in SQL. So nothing is left to fill in, paths are absolute, and seconds are plain whole numbers, unless the owner's
config has a unit.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import yaml

from configs.settings import HAND_OUT, Settings, SettingsError, local_path, seconds_of
from grader.evidence.config import find_config
from grader.evidence.listing import read_bytes
from scripts.services.stack import Stack

FILE_NAME = "orders_stream.yml"
_MAX_BYTES = 256 << 10  # of a config that is read
# Keys that many programs read and whose absence ends them; used where neither their own config nor the kit's has one.
_USUAL_CDC = {"poll_interval_sec": 2, "batch_limit": 1000, "default_start_timestamp": "1970-01-01 00:00:00"}


def render_config(stack: Stack) -> Path:
    """Write the config of this stack's programs, for their user's eyes alone (mode 0600), and return its path."""
    folder = stack.home / "programs"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    values = rendered(stack.settings, _values_of(stack.programs.folder), stack.programs.longest_interval_sec)
    text = yaml.safe_dump(values, sort_keys=False)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor has no Path
        stream.write(text)
    for place in (stack.settings.streaming.last_processed_timestamp_location, stack.settings.datalake.path):
        _make_parent(place)
    return path


def rendered(settings: Settings, own: dict[str, Any], longest_interval_sec: int | None = None) -> dict[str, Any]:
    """The values: `own`, from the programs' own config, with the hand-out's 14 keys as this stack has them.

    The consumer's and the producer's intervals stay the owner's: as whole seconds of at least one, or with the owner's
    unit. A program that says `processingTime=batch_interval` needs the unit; one that says
    `f"{batch_interval} seconds"` has none in its own config.
    None is longer than `longest_interval_sec`.
    """
    values: dict[str, Any] = {
        section: dict(keys) if isinstance(keys, dict) else keys for section, keys in own.items() if keys is not None
    }
    values["rollnumber"] = settings.rollnumber
    for section, keys in HAND_OUT.items():
        ours = getattr(settings, section)
        values[section] = {**_section(own, section), **{key: _literal(getattr(ours, key)) for key in keys}}
    interval = _section(own, "streaming").get("batch_interval")
    longest = longest_interval_sec or math.inf
    batch = _whole_seconds(interval, settings.streaming.batch_interval, keep_unit=True)
    values["streaming"]["batch_interval"] = _at_most(longest, batch)
    values["kafka"].setdefault("num_partitions", settings.kafka.partitions)
    cdc = {**_USUAL_CDC, **{key: value for key, value in _section(own, "cdc").items() if value is not None}}
    poll = settings.cdc.poll_interval_sec
    cdc = {key: _whole_seconds(value, poll) if key.endswith("_sec") else value for key, value in cdc.items()}
    values["cdc"] = {key: _at_most(longest, value) if "interval" in key else value for key, value in cdc.items()}
    return values


def pace(stack: Stack) -> float:
    """Seconds that a row may wait for the next poll and the next batch, as the programs of this stack are set."""
    settings = stack.settings
    if stack.programs.folder is None:
        return settings.cdc.poll_interval_sec + settings.streaming.batch_interval
    values = rendered(settings, _values_of(stack.programs.folder), stack.programs.longest_interval_sec)
    return float(values["cdc"]["poll_interval_sec"]) + float(str(seconds_of(values["streaming"]["batch_interval"])))


def _section(values: dict[str, Any], name: str) -> dict[str, Any]:
    found = values.get(name)
    return dict(found) if isinstance(found, dict) else {}


def _literal(value: object) -> object:
    """A local path without its scheme; anything else as it is."""
    if isinstance(value, str) and value.startswith("file:"):
        return str(local_path(value))
    return value


def _whole_seconds(own: object, ours: float, *, keep_unit: bool = False) -> object:
    """Whole seconds of at least one; with `keep_unit` the owner's text, where it has a unit."""
    try:
        seconds = ours if own is None else float(str(seconds_of(own)))
    except ValueError:
        return max(1, math.ceil(ours))
    return own if keep_unit and _has_unit(own) else max(1, math.ceil(seconds))


def _at_most(longest: float, value: Any) -> Any:
    """The interval, shortened to `longest` seconds if it is longer than that. It keeps a unit."""
    try:
        if float(str(seconds_of(value))) <= longest:
            return value
    except ValueError:
        return value
    return f"{longest} seconds" if _has_unit(value) else longest


def _has_unit(value: object) -> bool:
    return isinstance(value, str) and value.strip()[-1:].isalpha()


def _values_of(folder: Path | None) -> dict[str, Any]:
    """What stands in the programs' own config; nothing where there is none that can be read."""
    path = None if folder is None else find_config(folder)
    return {} if path is None else own_values(path)


def own_values(path: Path) -> dict[str, Any]:
    """What stands in a config; nothing if it cannot be read."""
    try:
        values = yaml.safe_load(read_bytes(path.parent, path.name, _MAX_BYTES).decode("utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _make_parent(location: str) -> None:
    """Programs open their state for writing where the config says, and not all of them make its folder."""
    try:
        local_path(location).parent.mkdir(parents=True, exist_ok=True)
    except SettingsError:
        return
