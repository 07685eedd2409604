"""Unpacks submissions that are archives to a temporary folder: zip or tar (gz, bz2, xz), also nested ones.

Nothing is written outside that folder. Links, devices and encrypted entries are left out. There are limits for the
unpacked bytes, the entries, and the unpacked size in relation to the archive's size.
"""

from __future__ import annotations

import bz2
import contextlib
import errno
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
from typing import IO, Any, TypeVar, cast

from configs.errors import KitError
from configs.wording import counted
from grader.evidence.listing import file_names, folder_names

Result = TypeVar("Result")

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
_MAX_READ_AT_ONCE = 16 << 20  # a tar's header can claim any length, and is read at once
_MAX_DIRECTORY = 16 << 20  # bytes of a zip's directory of entries
_SEARCHED_DEPTH = 4  # levels of folders in a submission that are searched for archives
_END_OF_ZIP = struct.Struct("<4s4H2LH")
_OF_THE_MACHINE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}
)
_BROKEN: tuple[type[Exception], ...] = (  # what the libraries raise for damaged archives
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
    """An archive is damaged or exceeds a limit; the message says why."""

    exit_code = 2


class UnpackError(KitError):
    """This machine cannot unpack an archive, for example because its disk is full. The archive may be good."""

    exit_code = 2


@dataclass(frozen=True)
class ArchiveLimits:
    """Limits for all archives of a submission together.

    `max_ratio` is unpacked bytes per packed byte. It only applies above `free_bytes`. Text does not reach this ratio.
    """

    max_bytes: int = 4 << 30
    max_entries: int = 100_000
    max_ratio: int = 200
    free_bytes: int = 64 << 20
    max_depth: int = 3


LIMITS = ArchiveLimits()
CLASS_LIMITS = ArchiveLimits(max_bytes=256 << 30, max_entries=5_000_000)  # of a file with the archives of a class


@dataclass
class _Budget:
    """What was used of the limits."""

    limits: ArchiveLimits
    bytes: int = 0
    entries: int = 0
    packed: int = 0
    left_out: int = 0

    def add_entry(self) -> None:
        self.entries += 1
        if self.entries > self.limits.max_entries:
            raise ArchiveError(f"contains more than {self.limits.max_entries} entries")

    def add_bytes(self, count: int) -> None:
        self.bytes += count
        if self.bytes > self.limits.max_bytes:
            raise ArchiveError(f"unpacks to more than {self.limits.max_bytes >> 20} MiB")
        if self.bytes > self.limits.free_bytes and self.bytes > self.packed * self.limits.max_ratio:
            raise ArchiveError(f"unpacks to more than {self.limits.max_ratio} times its size")


@dataclass(frozen=True)
class Opened:
    """A submission as a folder, and notes on the unpacking for the reader of the report.

    `damage` says why nothing could be unpacked. The folder is empty then.
    """

    folder: Path
    notes: tuple[str, ...] = ()
    damage: str | None = None


def is_archive(path: Path) -> bool:
    """Whether the name is that of an archive that can be unpacked."""
    return path.name.lower().endswith(SUFFIXES) and path.is_file()


def stem(path: Path) -> str:
    """The archive's name without .zip, .tar.gz and similar."""
    ending = next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), "")
    return path.name[: len(path.name) - len(ending)]


@contextlib.contextmanager
def opened(archives: list[Path], limits: ArchiveLimits = LIMITS, within: Path | None = None) -> Iterator[Opened]:
    """The archives, unpacked into a temporary folder that is deleted at the end of the context.

    `within`: where that folder is made; None: where the system has temporary files.

    Raises:
        ArchiveError: nothing could be unpacked, because of the archives.
        UnpackError: nothing could be unpacked, because of this machine.
    """
    with tempfile.TemporaryDirectory(prefix="grader-", dir=within, ignore_cleanup_errors=True) as temporary:
        folder, budget, problems = Path(temporary).resolve(), _Budget(limits), list[str]()
        for archive in archives:
            target = folder if len(archives) == 1 else folder / stem(archive)
            target.mkdir(exist_ok=True)
            problems += _unpack_all(archive, target, budget, depth=1)
        if problems and not any(folder.iterdir()):
            raise ArchiveError("; ".join(problems))
        entries = counted(budget.left_out, "entry", "entries")
        left_out = [f"archive: {entries} left out (links, or names that lead out of the archive)"]
        yield Opened(folder, (*(f"archive: {line}" for line in problems), *(left_out if budget.left_out else [])))


def entry_names(archive: Path, limits: ArchiveLimits = CLASS_LIMITS) -> list[str]:
    """The names of the files in an archive, as they are written in it. Nothing is unpacked.

    Raises:
        ArchiveError: the archive is damaged, or exceeds a limit.
        UnpackError: this machine cannot read it.
    """
    budget = _Budget(limits, packed=archive.stat().st_size)
    return _without_damage(archive, lambda: list(_names_of(archive, budget)))


def unpack(archive: Path, target: Path, limits: ArchiveLimits = CLASS_LIMITS) -> None:
    """Unpack one archive into the folder `target`. Archives in it stay archives.

    Raises:
        ArchiveError: the archive is damaged, or exceeds a limit.
        UnpackError: this machine cannot unpack it, for example because its disk is full.
    """
    budget = _Budget(limits, packed=archive.stat().st_size)
    _without_damage(archive, lambda: _unpack(archive, target, budget))


def archives_in(root: Path) -> list[Path]:
    """The archives in a folder, level by level, for a submission that contains nothing else."""
    found, level = list[Path](), [root]
    for _ in range(_SEARCHED_DEPTH):
        found += [folder / name for folder in level for name in file_names(folder) if is_archive(folder / name)]
        level = [folder / name for folder in level for name in folder_names(folder) if name[0] not in "._"]
    return [path for path in found if not path.name.startswith(".")]


def _unpack_all(archive: Path, target: Path, budget: _Budget, depth: int) -> list[str]:
    """Unpack an archive and the archives in it. Returns a line for each one that cannot be unpacked."""
    try:
        budget.packed += archive.stat().st_size if depth == 1 else 0
        _without_damage(archive, lambda: _unpack(archive, target, budget))
    except ArchiveError as error:
        return [f"{archive.name} {error}"]
    problems = list[str]()
    for inner in [path for path in _files_below(target) if is_archive(path)]:
        if depth >= budget.limits.max_depth:
            problems.append(f"{inner.name} is nested deeper than {budget.limits.max_depth} archives")
            continue
        place = inner.with_name(stem(inner) or "archive")
        if place.exists():
            place = inner.with_name(f"{inner.name}.unpacked")
        with contextlib.suppress(OSError):
            place.mkdir()
            problems += _unpack_all(inner, place, budget, depth + 1)
            inner.unlink()
    return problems


def _without_damage(archive: Path, work: Callable[[], Result]) -> Result:
    """The result of `work`, which reads the archive; what its library raises becomes one of this module's errors."""
    try:
        return work()
    except ArchiveError:
        raise
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
            raise UnpackError(
                f"{archive}: cannot be unpacked here ({error.strerror}). Fix this and grade again"
            ) from None
        what = (str(error) or type(error).__name__).splitlines()[0][:100]
        raise ArchiveError(f"is damaged ({what})") from None


def _files_below(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder):
        yield from (Path(where, name) for name in sorted(names))


def _names_of(archive: Path, budget: _Budget) -> Iterator[str]:
    if archive.name.lower().endswith(".zip"):
        with archive.open("rb") as file:
            _require_small_directory(file)
            with zipfile.ZipFile(file) as zipped:
                for entry in zipped.infolist():
                    budget.add_entry()
                    if not entry.is_dir():
                        yield entry.filename
        return
    with _opened_tar(archive) as tar:
        for member in _members(tar):
            budget.add_entry()
            budget.add_bytes(member.size)  # skipping it takes time
            if member.isfile():
                yield member.name


def _unpack(archive: Path, target: Path, budget: _Budget) -> None:
    if archive.name.lower().endswith(".zip"):
        _unpack_zip(archive, target, budget)
        return
    with _opened_tar(archive) as tar:
        for member in _members(tar):
            budget.add_entry()
            if not member.isfile() or member.issparse():
                budget.left_out += not member.isdir()
                budget.add_bytes(member.size)  # skipping it takes time too
            else:
                source = tar.extractfile(member)
                if source is not None:
                    _write(source, target, member.name, budget)


@contextlib.contextmanager
def _opened_tar(archive: Path) -> Iterator[tarfile.TarFile]:
    ending = PurePosixPath(archive.name.lower()).suffix
    with (
        _OPENERS.get(ending, open)(archive, "rb") as stream,
        tarfile.open(fileobj=cast("IO[bytes]", _LimitedReads(stream)), mode="r:") as tar,
    ):
        yield tar


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := tar.next()) is not None:
        yield member
        tar.members = []  # type: ignore[attr-defined]  # else tarfile keeps all members in memory


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
            raise ArchiveError("contains too many entries")
    file.seek(0)


def _write(source: IO[bytes], target: Path, name: str, budget: _Budget) -> None:
    """Write an entry to its path in `target`. An entry whose name leads out of it is left out."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0].startswith("/") or ":" in parts[0] or "\0" in name:
        budget.left_out += 1
        return
    place = target.joinpath(*parts)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        file = place.open("xb")
    except OSError:  # the same name twice, a file where another entry has a folder, a name that is too long
        budget.left_out += 1
        return
    with file:
        while chunk := source.read(_CHUNK):
            budget.add_bytes(len(chunk))
            file.write(chunk)


class _LimitedReads:
    """A tar's bytes, with at most 16 MiB per read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.tell = stream.tell
        self.close = stream.close

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_READ_AT_ONCE:
            raise ArchiveError("has an invalid header")
        return self._stream.read(size)
