"""`_spark_metadata`: the log in which Spark's file sink names the files that belong to the lake.

The format that Spark 3.5.1 writes: batch N has the file `N` with `v1`, then a JSON line per data file with path, size
and action. Every tenth log file is `N.compact` and repeats all before it. The older files stay for a while, so a reader
of all files would count twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote, urlsplit

from configs.storage import Place, S3Path, as_logged
from grader.evidence.checksum import edited
from grader.evidence.listing import file_names, read_bytes

FOLDER = "_spark_metadata"
_NAME = re.compile(r"(\d{1,7})(\.compact)?", re.ASCII)  # as in checkpoint.py


@dataclass(frozen=True)
class LoggedFile:
    """A line of the log: the file's decoded path on the machine that wrote it, its size in bytes, and its batch.

    The batch is that of the log file. In a compact file it is the batch that compacted. `modified_ms` is the time of
    writing in milliseconds since 1970, if the line has it.
    """

    path: str
    size: int
    batch: int
    modified_ms: int | None = None


@dataclass(frozen=True)
class SinkLog:
    """The log in `folder`. `problems` lists lines that cannot be read; they do not count."""

    folder: Place

    @cached_property
    def _names(self) -> dict[int, str]:
        """batch -> file name; the compact one if both N and N.compact are there."""
        names: dict[int, str] = {}
        for name in file_names(self.folder):
            found = _NAME.fullmatch(name)
            if found:
                names[int(found[1])] = name  # "10" sorts before "10.compact"
        return names

    @cached_property
    def _compact(self) -> int:
        """The latest compact batch, -1 without one."""
        return max((batch for batch, name in self._names.items() if name.endswith(".compact")), default=-1)

    @cached_property
    def last_batch(self) -> int | None:
        return max(self._names, default=None)

    @cached_property
    def _read(self) -> tuple[dict[str, LoggedFile], tuple[str, ...]]:
        compact = self._compact
        files: dict[str, LoggedFile] = {}
        problems = []
        for batch in sorted(batch for batch in self._names if batch >= compact):
            problem = _apply(self.folder / self._names[batch], batch, files)
            if problem:
                problems.append(problem)
        return files, tuple(problems)

    @property
    def files(self) -> tuple[LoggedFile, ...]:
        return tuple(self._read[0].values())

    @cached_property
    def gaps(self) -> tuple[int, ...]:
        """Missing batches of the log: from the latest compact file on, or from batch 0 without a compact file."""
        begin = max(self._compact, 0)
        last = -1 if self.last_batch is None else self.last_batch
        return tuple(batch for batch in range(begin, last + 1) if batch not in self._names)

    @cached_property
    def dropped(self) -> tuple[str, ...]:
        """Paths in older log files that the latest compact file does not repeat."""
        if self._compact < 0:
            return ()
        kept: dict[str, LoggedFile] = {}
        _apply(self.folder / self._names[self._compact], self._compact, kept)
        earlier: dict[str, LoggedFile] = {}
        for batch in sorted(batch for batch in self._names if batch < self._compact):
            _apply(self.folder / self._names[batch], batch, earlier)
        return tuple(sorted(set(earlier) - set(kept)))

    @cached_property
    def written(self) -> Mapping[int, tuple[LoggedFile, ...]]:
        """batch -> the files that it wrote, for the batches whose own lines are still known.

        A compact file repeats all before it. Its own lines are only known if every earlier log file is still there.
        """
        written: dict[int, tuple[LoggedFile, ...]] = {}
        seen: dict[str, LoggedFile] = {}
        is_whole = True
        for batch in range((self.last_batch or 0) + 1) if self._names else ():
            if batch not in self._names:
                is_whole = False
                continue
            lines: dict[str, LoggedFile] = {}
            broken = _apply(self.folder / self._names[batch], batch, lines)
            if self._names[batch].endswith(".compact"):
                lines, everything = {path: file for path, file in lines.items() if path not in seen}, lines
                if is_whole and not broken:
                    written[batch] = tuple(lines.values())
                seen, is_whole = everything, not broken
            else:
                seen.update(lines)
                if not broken:
                    written[batch] = tuple(lines.values())
        return written

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read, one line per file."""
        return self._read[1]

    @cached_property
    def stale_checksums(self) -> tuple[str, ...]:
        """Log files that were edited after Spark wrote them: see checksum.py. On S3 nothing shows that."""
        if isinstance(self.folder, S3Path):
            return ()
        return edited(self.folder, (name for _, name in sorted(self._names.items())))


def _apply(path: Place, batch: int, files: dict[str, LoggedFile]) -> str | None:
    """Add a log file's lines to `files`, up to the first one that cannot be read. Returns what is wrong with that."""
    try:
        version, *lines = read_bytes(path.parent, path.name).decode("utf-8").splitlines() or [""]
        if version != "v1":
            raise ValueError(f"begins with {version[:20]!r}, not with v1")
        for line in lines:
            entry = json.loads(line)
            modified = entry.get("modificationTime")
            logged = LoggedFile(
                unquote(urlsplit(entry["path"]).path),
                int(entry["size"]),
                batch,
                modified if isinstance(modified, int) else None,
            )
            if entry.get("action", "add") == "delete":
                files.pop(logged.path, None)
            else:
                files[logged.path] = logged
    except FileNotFoundError:
        return None  # Spark compacted and removed it after the listing
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        return f"{FOLDER}/{path.name}: {error or type(error).__name__}"
    return None


def read_sink_log(lake: Place) -> SinkLog | None:
    """The log of a lake; None without one. A lake that foreachBatch wrote has no log."""
    folder = lake / FOLDER
    return SinkLog(folder) if folder.is_dir() and not folder.is_symlink() else None


def path_in_lake(logged: str, listing: frozenset[str] | set[str], lake: Place) -> str:
    """A logged path as a path relative to the lake, even if the lake was moved.

    Uses the first of these that applies:

    - A path in the lake: its part below the lake.
    - The part from a `key=value` folder on that is in `listing`.
    - The part from the first `key=value` folder on.
    - The file name.
    """
    base = f"{as_logged(lake)}/"
    if logged.startswith(base):
        return logged[len(base) :]
    parts = logged.split("/")
    starts = [at for at, part in enumerate(parts[:-1]) if "=" in part]
    tails = ["/".join(parts[at:]) for at in starts] or [parts[-1]]
    return next((tail for tail in tails if tail in listing), tails[0])
