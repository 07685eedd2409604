"""Submissions handed in as archives: a zip or tar (gz, bz2, xz), also one in another, unpacked to a temporary folder.

Nothing is written outside that folder, and links, devices and encrypted entries are left out. What an archive may
unfold into is limited in bytes, in entries and in relation to its own size.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from configs.errors import KitError
from grader.evidence.listing import file_names, folder_names

SUFFIXES = (".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar")
_OPENERS: dict[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".tgz": gzip.open,
    ".bz2": bz2.open,
    ".tbz2": bz2.open,
    ".xz": lzma.open,
    ".txz": lzma.open,
}
_CHUNK = 1 << 20
_MAX_READ_AT_ONCE = 16 << 20  # a tar's headers can claim any length, and are read whole
_MAX_DIRECTORY = 16 << 20  # bytes of a zip's directory of entries
_SEARCHED_DEPTH = 4  # folders below one that was handed in with archives in it
_END_OF_ZIP = struct.Struct("<4s4H2LH")
_BROKEN: tuple[type[Exception], ...] = (  # what the readers of archives raise for damaged ones
    OSError,
    EOFError,
    ValueError,
    LookupError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
)


class ArchiveError(KitError):
    """An archive cannot be unpacked; the message says why."""

    exit_code = 2


@dataclass(frozen=True)
class ArchiveLimits:
    """What all archives of a submission together may unfold into.

    `max_ratio` is bytes unpacked for a byte packed, and counts beyond `free_bytes`: text packs well, but not so well.
    """

    max_bytes: int = 4 << 30
    max_entries: int = 100_000
    max_ratio: int = 200
    free_bytes: int = 64 << 20
    max_depth: int = 3


LIMITS = ArchiveLimits()


@dataclass
class _Budget:
    """What is left of the limits."""

    limits: ArchiveLimits
    bytes: int = 0
    entries: int = 0
    packed: int = 0
    left_out: int = 0

    def add_entry(self) -> None:
        self.entries += 1
        if self.entries > self.limits.max_entries:
            raise ArchiveError(f"holds more than {self.limits.max_entries} entries")

    def add_bytes(self, count: int) -> None:
        self.bytes += count
        if self.bytes > self.limits.max_bytes:
            raise ArchiveError(f"unfolds into more than {self.limits.max_bytes >> 20} MiB")
        if self.bytes > self.limits.free_bytes and self.bytes > self.packed * self.limits.max_ratio:
            raise ArchiveError(f"unfolds into more than {self.limits.max_ratio} times its size")


@dataclass(frozen=True)
class Opened:
    """A submission as a folder, and what a reader of the report should know of how it came to be one."""

    folder: Path
    notes: tuple[str, ...] = ()


def is_archive(path: Path) -> bool:
    """Whether it is named like an archive that can be unpacked."""
    return path.name.lower().endswith(SUFFIXES) and path.is_file()


def stem(path: Path) -> str:
    """The archive's name without .zip, .tar.gz and the like."""
    ending = next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), "")
    return path.name[: len(path.name) - len(ending)]


@contextlib.contextmanager
def opened(archives: list[Path], limits: ArchiveLimits = LIMITS) -> Iterator[Opened]:
    """The archives unpacked into a temporary folder, which goes away with the context.

    Raises:
        ArchiveError: none of them can be unpacked.
    """
    with tempfile.TemporaryDirectory(prefix="grader-", ignore_cleanup_errors=True) as temporary:
        folder, budget, problems = Path(temporary).resolve(), _Budget(limits), list[str]()
        for archive in archives:
            target = folder if len(archives) == 1 else folder / stem(archive)
            target.mkdir(exist_ok=True)
            problems += _unpack_all(archive, target, budget, depth=1)
        if problems and not any(folder.iterdir()):
            raise ArchiveError("; ".join(problems))
        left_out = [f"archive: {budget.left_out} entries left out: links, or names that lead out of it"]
        yield Opened(folder, (*(f"archive: {line}" for line in problems), *(left_out if budget.left_out else [])))


def archives_in(root: Path) -> list[Path]:
    """The archives in a folder, level by level, for one that was handed in with nothing else."""
    found, level = list[Path](), [root]
    for _ in range(_SEARCHED_DEPTH):
        found += [folder / name for folder in level for name in file_names(folder) if is_archive(folder / name)]
        level = [folder / name for folder in level for name in folder_names(folder) if name[0] not in "._"]
    return [path for path in found if not path.name.startswith(".")]


def _unpack_all(archive: Path, target: Path, budget: _Budget, depth: int) -> list[str]:
    """Unpack an archive and those in it; what cannot be unpacked, a line each."""
    try:
        budget.packed += archive.stat().st_size if depth == 1 else 0
        _unpack(archive, target, budget)
    except ArchiveError as error:
        return [f"{archive.name} {error}"]
    except _BROKEN as error:
        return [f"{archive.name} is damaged ({(str(error) or type(error).__name__).splitlines()[0][:100]})"]
    problems = list[str]()
    for inner in [path for path in _files_below(target) if is_archive(path)]:
        if depth >= budget.limits.max_depth:
            problems.append(f"{inner.name} lies deeper than {budget.limits.max_depth} archives in one another")
            continue
        place = inner.with_name(stem(inner) or "archive")
        if place.exists():
            place = inner.with_name(f"{inner.name}.unpacked")
        with contextlib.suppress(OSError):
            place.mkdir()
            problems += _unpack_all(inner, place, budget, depth + 1)
            inner.unlink()
    return problems


def _files_below(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder):
        yield from (Path(where, name) for name in sorted(names))


def _unpack(archive: Path, target: Path, budget: _Budget) -> None:
    if archive.name.lower().endswith(".zip"):
        _unpack_zip(archive, target, budget)
        return
    ending = PurePosixPath(archive.name.lower()).suffix
    with (
        _OPENERS.get(ending, open)(archive, "rb") as stream,
        tarfile.open(fileobj=cast("IO[bytes]", _Careful(stream)), mode="r:") as tar,
    ):
        while (member := tar.next()) is not None:
            budget.add_entry()
            if not member.isfile() or member.issparse():
                budget.left_out += not member.isdir()
                budget.add_bytes(member.size)  # it is read over, which takes its time too
            else:
                source = tar.extractfile(member)
                if source is not None:
                    _write(source, target, member.name, budget)
            tar.members = []  # type: ignore[attr-defined]  # else it keeps them all


def _unpack_zip(archive: Path, target: Path, budget: _Budget) -> None:
    with archive.open("rb") as file:
        _require_small_directory(file)
        with zipfile.ZipFile(file) as zipped:
            for entry in zipped.infolist():
                budget.add_entry()
                mode = entry.external_attr >> 16
                if entry.is_dir():
                    continue
                if stat.S_IFMT(mode) not in (0, stat.S_IFREG) or entry.flag_bits & 1:
                    budget.left_out += 1
                    continue
                with zipped.open(entry) as source:
                    _write(source, target, entry.filename, budget)


def _require_small_directory(file: IO[bytes]) -> None:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END_OF_ZIP.size - 65_535))
    tail = file.read()
    for at in (len(tail) - _END_OF_ZIP.size, tail.rfind(b"PK\5\6")):
        is_end = at >= 0 and tail[at : at + 4] == b"PK\5\6" and len(tail) - at >= _END_OF_ZIP.size
        if is_end and _END_OF_ZIP.unpack_from(tail, at)[5] > _MAX_DIRECTORY:
            raise ArchiveError("holds too many entries")
    file.seek(0)


def _write(source: IO[bytes], target: Path, name: str, budget: _Budget) -> None:
    """Write an entry to its place under `target`; a name that leads out of it is left out."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0].startswith("/") or ":" in parts[0] or "\0" in name:
        budget.left_out += 1
        return
    place = target.joinpath(*parts)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        file = place.open("xb")
    except OSError:  # the same name twice, a file where another entry has a folder, a name too long
        budget.left_out += 1
        return
    with file:
        while chunk := source.read(_CHUNK):
            budget.add_bytes(len(chunk))
            file.write(chunk)


class _Careful:
    """A tar's bytes, of which no more than 16 MiB are read at once."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.tell = stream.tell
        self.close = stream.close

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_READ_AT_ONCE:
            raise ArchiveError("has a header that cannot be right")
        return self._stream.read(size)
