"""The config that is handed in: the student's own, if it is true of what is handed in, else the one that was used."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from configs.errors import KitError
from configs.settings import HAND_OUT, HandedIn, Settings, SettingsError, load_handed_in, local_path
from grader.evidence.config import CONFIG_NAME, find_config
from scripts.pipeline.rendered_config import own_values, rendered
from scripts.services.stack import Stack
from scripts.submit.secrets import PRACTICE_PASSWORD

NAME = f"configs/{CONFIG_NAME}"
_SAME = [(section, key) for section, keys in HAND_OUT.items() for key in keys if key != "password"]


@dataclass(frozen=True)
class Locations:
    """Where the lake, its quarantine, the checkpoint and the state are in what is handed in, relative to its folder."""

    lake: str
    quarantine: str
    checkpoint: str
    state: str


def locations(settings: Settings) -> Locations:
    """The places that the settings have, where they are in the project's folder; else the usual ones.

    Raises:
        SettingsError: one is not on this machine's file system.
    """
    if settings.on_s3:
        raise SettingsError(
            f"{settings.datalake.path}: what you hand in contains the lake, and this one is on S3. Run the rounds with "
            "a config that has a local lake, such as configs/orders_stream.yml, and submit that."
        )
    food = f"food/{settings.rollnumber}"
    lake = _inside(settings, settings.datalake.path, f"datalake/{food}/output/orders")
    return Locations(
        lake,
        _inside(settings, settings.datalake.quarantine_path, f"{lake}_quarantine"),
        _inside(settings, settings.streaming.checkpoint_location, f"checkpoints/{food}/orders"),
        _inside(
            settings, settings.streaming.last_processed_timestamp_location, f"state/{food}/last_processed_timestamp.txt"
        ),
    )


def _inside(settings: Settings, location: str, usual: str) -> str:
    path = local_path(location)
    return path.relative_to(settings.root).as_posix() if path.is_relative_to(settings.root) else usual


def own_config(stack: Stack) -> Path:
    """The config that belongs to the programs. It has the 14 keys of the assignment.

    Raises:
        KitError: there is none, or a key is missing or wrong.
    """
    folder = stack.programs.folder
    path = stack.settings.source if folder is None else find_config(folder)
    if path is None:
        raise KitError(f"{folder} has no {CONFIG_NAME}. The assignment asks for {NAME}, with the 14 keys.")
    load_handed_in(path)
    return path


def handed_in_config(stack: Stack, own: Path, places: Locations, *, has_quarantine: bool) -> bytes:
    """The text of configs/orders_stream.yml: `own` as it is, if it leads a reader to what is handed in.

    It does not if the programs ran with other values: those of ROLLNUMBER or ORDERS_..., of this machine, or with
    folders outside the project. Then it is the config that the programs got, with relative paths and without comments.
    """
    text = own.read_bytes()
    if _is_true(text, stack.settings, places):
        return text
    values = rendered(stack.settings, own_values(own))
    values["postgres"]["password"] = PRACTICE_PASSWORD  # the one in use may come from the environment
    values["datalake"]["path"] = places.lake
    values["streaming"]["checkpoint_location"] = places.checkpoint
    values["streaming"]["last_processed_timestamp_location"] = places.state
    values["datalake"].pop("quarantine_path", None)
    values["streaming"].pop("quarantine_checkpoint_location", None)
    if has_quarantine:
        values["datalake"]["quarantine_path"] = places.quarantine
    head = f"# Written by `make submit` from {own.name}: what the programs ran with, with paths in this folder.\n"
    return (head + yaml.safe_dump(values, sort_keys=False, allow_unicode=True)).encode()


def _is_true(text: bytes, settings: Settings, places: Locations) -> bool:
    """Whether the config, read in its place in the archive, has the settings' values and these places."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary).resolve() / NAME
        path.parent.mkdir()
        path.write_bytes(text)
        try:
            read = load_handed_in(path)
        except SettingsError:
            return False
        return _places_in(read) == places and _values(read) == _values(settings)


def _places_in(read: HandedIn) -> Locations | None:
    streaming = read.streaming
    paths = (
        read.datalake.path,
        read.datalake.quarantine_path,
        streaming.checkpoint_location,
        streaming.last_processed_timestamp_location,
    )
    if not all(Path(path).is_relative_to(read.root) for path in paths):
        return None
    return Locations(*(Path(path).relative_to(read.root).as_posix() for path in paths))


def _values(settings: Settings) -> list[object]:
    folders = ("path", "checkpoint_location", "last_processed_timestamp_location")
    sections = [(section, key) for section, key in _SAME if key not in folders]
    return [settings.rollnumber, *(getattr(getattr(settings, section), key) for section, key in sections)]
