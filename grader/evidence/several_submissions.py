"""Whether a folder contains the submissions of several students. Graded as one, the work of one would count for all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.evidence.checkpoint import Checkpoint
from grader.evidence.config import CONFIG_NAME, submitted_config
from grader.evidence.listing import file_names, folder_names
from grader.evidence.locations import locate

_DEPTH = 4  # levels of folders around the submissions
_MAX_FOLDERS = 500  # of one level
_VARIANTS = frozenset({"local", "s3"})  # the assignment's names for two variants of one submission


@dataclass(frozen=True)
class FoundSubmission:
    """A submission: its folder, and its roll number, or its topic if the config does not have one."""

    folder: Path
    owner: str


def several_submissions(root: Path) -> tuple[FoundSubmission, ...]:
    """The submissions in `root` if they have different owners; else empty.

    A folder with a config of its own is one submission, whatever else is in it. So are copies with one roll number.
    """
    level = root
    for _ in range(_DEPTH):
        if CONFIG_NAME in file_names(level) or CONFIG_NAME in file_names(level / "configs"):
            return ()
        below = [name for name in folder_names(level) if name[0] not in "._" and "=" not in name][:_MAX_FOLDERS]
        if len(below) == 1:
            level /= below[0]
            continue
        if _VARIANTS.issuperset(below):
            return ()
        found = tuple(_found(level / name for name in below))
        if len(found) != 1:
            return found if are_different([one.owner for one in found]) else ()
        level = found[0].folder
    return ()


def _found(folders: Iterator[Path]) -> Iterator[FoundSubmission]:
    for folder in folders:
        owner = owner_of(folder)
        if owner:
            yield FoundSubmission(folder, owner)


def owner_of(folder: Path) -> str | None:
    """The roll number of a submission's config, or of its topic; None if neither shows it."""
    config = submitted_config(folder, None)
    if config.settings is not None and config.settings.rollnumber:
        return config.settings.rollnumber
    checkpoint = Checkpoint(locate(config).checkpoint)
    last = checkpoint.last_offset_batch
    topics = checkpoint.ends_of(last) if last is not None else {}
    return next((topic.removesuffix("_food_orders_raw") for topic in topics), None)


def are_different(owners: list[str]) -> bool:
    """Whether two of them differ. One that begins like another is the same: a table can have an ending of its own."""
    plain = sorted({re.sub(r"[^a-z0-9]", "", owner.lower()) for owner in owners})
    return any(not other.startswith(plain[0]) for other in plain[1:])
