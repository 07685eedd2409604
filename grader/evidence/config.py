"""The submission's orders_stream.yml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from configs.settings import Settings, SettingsError, load_settings
from grader.evidence.listing import folder_names

CONFIG_NAME = "orders_stream.yml"
_DEPTH = 6  # hand-ins nest: <rollnumber>/food_delivery_streaming/local/configs/


@dataclass(frozen=True)
class Config:
    """The config and the folder it speaks for.

    `settings` is None when the file is missing or wrong, and `problems` say why, one line each. `boundary` is the
    folder outside which nothing is read, None for the user's own project, whose config may point anywhere.
    """

    root: Path
    path: Path | None
    settings: Settings | None
    problems: tuple[str, ...] = ()
    boundary: Path | None = None
    assumptions: tuple[str, ...] = ()


def own_config(path: Path | None) -> Config:
    """The config of the user's own project: the given file, else CONFIG, else configs/orders_stream.yml.

    Raises:
        SettingsError: it is missing or wrong; the user is there to mend it.
    """
    settings = load_settings(path)
    return Config(settings.root, settings.source, settings)


def submitted_config(root: Path, path: Path | None) -> Config:
    """The config of a submission: the given file, else the topmost orders_stream.yml under its folder.

    Never raises for what the submission holds: a student's broken config is a finding.
    """
    boundary = root.resolve()
    source = path or find_config(root)
    if source is None:
        return Config(root, None, None, (f"{CONFIG_NAME} is nowhere in the submission",), boundary)
    assumptions = () if path or source.parent.parent == root else (f"config: {_shown(source, root)}",)
    try:
        # The grader's own environment says nothing about another's submission.
        settings = load_settings(source, environment={})
    except SettingsError as error:
        problems = tuple(line.replace(f"{source}", _shown(source, root)) for line in str(error).splitlines())
        return Config(root, source, None, problems, boundary, assumptions)
    except Exception as error:  # noqa: BLE001 - whatever a student's YAML does to the reader is the YAML's problem
        return Config(root, source, None, (f"{_shown(source, root)}: {error}",), boundary, assumptions)
    return Config(settings.root, source, settings, (), boundary, assumptions)


def find_config(root: Path) -> Path | None:
    """The orders_stream.yml nearest to `root`; the first by name of several at one depth. Links are not followed."""
    level = [root]
    for _ in range(_DEPTH):
        for folder in level:
            for candidate in (folder / "configs" / CONFIG_NAME, folder / CONFIG_NAME):
                if candidate.is_file() and not candidate.is_symlink():
                    return candidate
        level = [
            folder / name
            for folder in level
            for name in folder_names(folder)
            if not name.startswith((".", "_")) and "=" not in name
        ]
    return None


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
