"""The submission's orders_stream.yml."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from configs.settings import Settings, SettingsError, load_handed_in, load_settings
from grader.evidence.listing import file_names, folder_names, read_bytes

CONFIG_NAME = "orders_stream.yml"
_DEPTH = 8  # submissions are nested: <name>/<rollnumber>/food_delivery_streaming/local/configs/
_MAX_FOLDERS = 20_000
_MAX_BYTES = 256 << 10
_MAX_ALIASES = 20  # with nine levels of nine aliases a file of 1 KB expands to a billion values


@dataclass(frozen=True)
class Config:
    """The config and the folder that it belongs to.

    `settings` is None if the file is missing or wrong; `problems` says why, one line per problem. The grader reads
    nothing outside the folder `boundary`. It is None for the user's own project, whose config may point anywhere.
    `jdbc_url_problem` is what PgJDBC makes of a blank in jdbc_url; empty without one. `is_given`: it was named by
    who grades, and not found in the submission.
    """

    root: Path
    path: Path | None
    settings: Settings | None
    problems: tuple[str, ...] = ()
    boundary: Path | None = None
    assumptions: tuple[str, ...] = ()
    jdbc_url_problem: str = ""
    is_given: bool = False

    @property
    def is_trusted(self) -> bool:
        """Whether addresses in it may be asked: it is the user's own, or was named by who grades, not by a stranger."""
        return self.boundary is None or self.is_given


def own_config(path: Path | None) -> Config:
    """The config of the user's own project: the given file, else CONFIG, else configs/orders_stream.yml.

    Raises:
        SettingsError: it is missing or wrong, and the user can fix it.
    """
    settings = load_settings(path)
    return Config(settings.root, settings.source, settings)


def submitted_config(root: Path, path: Path | None) -> Config:
    """The config of a submission: the given file, else the one that `find_config` finds in its folder.

    Never raises because of the submission's content: a student's broken config is a finding.
    """
    boundary = root.resolve()
    source = path or find_config(root)
    if source is None:
        return Config(root, None, None, (f"there is no {CONFIG_NAME} in the submission",), boundary)
    usual = source.name == CONFIG_NAME and source.parent.parent == root
    assumptions = () if path or usual else (f"config: found at {_shown(source, root)}",)
    try:
        _require_plain(source)
        settings = load_handed_in(source)
    except SettingsError as error:
        problems = tuple(line.replace(f"{source}", _shown(source, root)) for line in str(error).splitlines())
        return Config(root, source, None, problems, boundary, assumptions)
    except Exception as error:  # noqa: BLE001 - any error in reading a student's YAML is a problem of the YAML
        what = str(error) or type(error).__name__
        return Config(root, source, None, (f"{_shown(source, root)}: {what[:200]}",), boundary, assumptions)
    return Config(
        settings.root, source, settings, (), boundary, assumptions, settings.jdbc_url_problem, path is not None
    )


def find_config(root: Path) -> Path | None:
    """The orders_stream.yml nearest to `root`; if several are at the same depth, the first by name.

    Without one, another YAML file with the assignment's sections. Links are not followed.
    """
    others = list[Path]()
    for folder in _folders(root):
        names = file_names(folder)
        if CONFIG_NAME in names:
            return folder / CONFIG_NAME
        others += [folder / name for name in names if name.lower().endswith((".yml", ".yaml"))]
    return next((path for path in others if _looks_like_config(path)), None)


def _folders(root: Path) -> Iterator[Path]:
    """Folders level by level; configs/ before the others of its level."""
    level, seen = [root], 0
    for _ in range(_DEPTH):
        level = sorted(level, key=lambda folder: folder.name != "configs")
        below = list[Path]()
        for folder in level:
            yield folder
            seen += 1
            if seen > _MAX_FOLDERS:
                return
            below += [folder / name for name in folder_names(folder) if name[0] not in "._" and "=" not in name]
        level = below


def _looks_like_config(path: Path) -> bool:
    try:
        content = read_bytes(path.parent, path.name, _MAX_BYTES)
    except OSError:
        return False
    return all(word in content for word in (b"postgres:", b"kafka:", b"checkpoint_location:"))


def _require_plain(source: Path) -> None:
    """Reject a file that would take hours to parse or to process.

    Raises:
        OSError: not a regular file, or too large.
        ValueError: it refers to its own values too often.
    """
    content = read_bytes(source.parent, source.name, _MAX_BYTES)
    if content.count(b"*") <= _MAX_ALIASES:
        return
    aliases = 0
    with contextlib.suppress(yaml.YAMLError):  # the settings' reader gives a better message
        for event in yaml.parse(content, yaml.SafeLoader):
            aliases += isinstance(event, yaml.AliasEvent)
            if aliases > _MAX_ALIASES:
                break
    if aliases > _MAX_ALIASES:
        raise ValueError(f"refers to its own values more than {_MAX_ALIASES} times; write them out")


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
