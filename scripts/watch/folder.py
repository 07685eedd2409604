"""The files of a lake or quarantine that count, each of them read once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from configs.storage import Place, S3Path
from grader.evidence.lake import Lake, LakeFile
from grader.evidence.listing import folder_names
from grader.evidence.scan import in_parallel
from grader.evidence.sink_log import FOLDER as SINK_LOG

Fact = TypeVar("Fact")

# A folder that has changed less than this many nanoseconds ago may change again without getting another time.
_UNSURE_NS = 1_000_000_000


@dataclass(frozen=True)
class Contents(Generic[Fact]):
    """The lake as it was listed, and what was read from each of its files that count; None if one cannot be read."""

    lake: Lake
    facts: Mapping[LakeFile, Fact | None]


class FolderWatch(Generic[Fact]):
    """Lists the folder again only if it has changed, and calls `read` (folder, path) once for each file.

    A file that cannot be read is tried again: it may be half-written. Without a sink log, a program may write into
    files in place, which no folder's time shows; such a lake is listed every time. So is one on S3, where a folder has
    no time.
    """

    def __init__(self, read: Callable[[Place, str], Fact | None]) -> None:
        self._read = read
        self._seen: dict[str, int] | None = None  # folder -> its time; None: not sure
        self._contents: Contents[Fact] | None = None
        self._facts: dict[tuple[str, int], Fact] = {}

    def contents(self, folder: Place) -> Contents[Fact] | None:
        """What is in the folder, which is the same at each call; None if there is no such folder."""
        if not folder.is_dir():
            self._seen = self._contents = None
            self._facts = {}
        elif self._seen is None or self._seen != _times(folder, self._seen):
            self._list(folder)
        return self._contents

    def _list(self, folder: Place) -> None:
        began = time.time_ns()
        seen = {} if isinstance(folder, S3Path) else _times(folder, _folders(folder))
        lake = Lake(folder)
        files = lake.files
        new = [file for file in files if (file.path, file.size) not in self._facts]
        read = dict(zip(new, in_parallel(lambda file: self._read(folder, file.path), new, folder), strict=True))
        self._facts = {
            (file.path, file.size): fact
            for file in files
            if (fact := read.get(file, self._facts.get((file.path, file.size)))) is not None
        }
        facts = {file: self._facts.get((file.path, file.size)) for file in files}
        self._contents = Contents(lake, facts)
        is_sure = not isinstance(folder, S3Path) and lake.log is not None and None not in facts.values()
        self._seen = seen if is_sure and max(seen.values()) < began - _UNSURE_NS else None


def _times(folder: Place, names: Iterable[str]) -> dict[str, int]:
    """Name -> when the folder of this name in `folder` has changed, in nanoseconds since 1970; 0 if it is gone."""
    times = {}
    for name in names:
        try:
            times[name] = (folder / name).stat().st_mtime_ns
        except OSError:
            times[name] = 0
    return times


def _folders(folder: Place) -> list[str]:
    """The folder itself, its sink log and its data folders at any depth, relative to it."""
    found, pending = [""], [""]
    while pending:
        above = pending.pop()
        below = [f"{above}{name}/" for name in folder_names(folder / above) if name[0] not in "._" or name == SINK_LOG]
        found += below
        pending += below
    return found
