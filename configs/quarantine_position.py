"""How far the quarantine is: up to which offsets of the topic every rejected message is in it. A small JSON file.

The consumer writes it after each batch of the lake. Rounds, drills and `make watch` read it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE = "quarantine_position.json"
Ends = Mapping[int, int]
"""partition -> exclusive end offset."""


@dataclass(frozen=True)
class NextFile:
    """A file of the quarantine that is being written: its name, and the offsets that it ends at."""

    name: str
    ends: Ends


@dataclass(frozen=True)
class QuarantinePosition:
    """Up to `ends`, every rejected message of the topic is in one of the quarantine's `files` files.

    `next_file` is noted before it is written. After a crash exactly that file is written again, so no message is in
    two files.
    """

    topic: str
    topic_id: str
    ends: Ends = field(default_factory=dict)
    files: int = 0
    next_file: NextFile | None = None

    def store(self, folder: Path) -> None:
        """Replace the position in one step: a crash leaves the old one or the new one, never a part."""
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{FILE}.new"
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / FILE)


def read_position(folder: Path) -> QuarantinePosition | None:
    """The position that was stored in a folder; None if there is none.

    Raises:
        ValueError: the file is not a stored position.
    """
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        following = found.pop("next_file")
        return QuarantinePosition(
            **{**found, "ends": _offsets(found["ends"])},
            next_file=following and NextFile(following["name"], _offsets(following["ends"])),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder / FILE} is not a position of a quarantine: {error!r}") from None


def _offsets(found: Mapping[str, int]) -> Ends:
    return {int(partition): int(end) for partition, end in found.items()}
