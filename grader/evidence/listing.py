"""Lists and reads the files of a folder, on a disk or on S3. Missing files, links and vanished files cause no errors.

Errors of S3 itself are an OSError: a lake that does not answer is not an empty one.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import IO

from configs.storage import Place, S3Path

_CHUNK = 1 << 20
PARQUET_SUFFIXES = (".parquet", ".parq")
MAX_BYTES = 64 << 20  # of a file that is read as a whole; a compact sink log of 200,000 files is about this large


def file_names(folder: Place) -> list[str]:
    """Names of the files in `folder`, sorted; empty if there is no such folder. Links are skipped."""
    return _names(folder, folders=False)


def folder_names(folder: Place) -> list[str]:
    """Names of the folders in `folder`, sorted; empty if there is no such folder. Links are skipped."""
    return _names(folder, folders=True)


def _names(folder: Place, *, folders: bool) -> list[str]:
    if isinstance(folder, S3Path):
        return sorted(name for name, size in folder.walk(recursive=False) if folders is (size is None))
    try:
        with os.scandir(folder) as entries:
            kind = os.DirEntry.is_dir if folders else os.DirEntry.is_file
            return sorted(entry.name for entry in entries if kind(entry, follow_symlinks=False))
    except OSError:
        return []


def read_bytes(folder: Place, name: str, max_bytes: int = MAX_BYTES) -> bytes:
    """The content of the file `name`, a path relative to `folder`. No link below `folder` is followed.

    Raises:
        OSError: there is no such file, it is a link, a pipe or a device, or larger than `max_bytes`.
    """
    if isinstance(folder, S3Path):
        return _read_object(folder / name, max_bytes)
    *parents, _ = Path(name).parts
    place = folder
    for parent in parents:
        place = place / parent
        if place.is_symlink():
            raise OSError(errno.ELOOP, "is behind a link, and links are not followed", name)
    # The grader must not wait for a pipe, and a link must not lead out of a submission.
    descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no Path
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", name)
        if status.st_size > max_bytes:
            raise OSError(errno.EFBIG, f"is larger than {max_bytes >> 20} MiB", name)
        return file.read(max_bytes)


def _read_object(path: S3Path, max_bytes: int) -> bytes:
    if path.stat().st_size > max_bytes:
        raise OSError(errno.EFBIG, f"is larger than {max_bytes >> 20} MiB", str(path))
    return path.read_bytes()


def list_parquet(folder: Place, boundary: Path | None = None) -> dict[str, int]:
    """Parquet files under `folder` by relative path, with their sizes. See `list_files`."""
    return list_files(folder, PARQUET_SUFFIXES, boundary)


def list_files(folder: Place, suffixes: tuple[str, ...], boundary: Path | None = None) -> dict[str, int]:
    """Files under `folder` whose names end with one of `suffixes`: relative path -> size in bytes.

    Like Spark, it skips names that begin with _ or . (temporary files, sidecars). In a submission, with a `boundary`,
    it skips links too. It also skips files that vanish meanwhile.
    """
    if isinstance(folder, S3Path):
        found = ((path, size) for path, size in folder.walk() if size is not None and path.endswith(suffixes))
        return {path: size for path, size in found if not any(part[0] in "._" for part in path.split("/"))}
    files: dict[str, int] = {}
    pending = [""]
    while pending:
        prefix = pending.pop()
        try:
            with os.scandir(folder / prefix) as entries:
                for entry in entries:
                    if entry.name.startswith((".", "_")):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(f"{prefix}{entry.name}/")
                    elif entry.name.endswith(suffixes) and _may_read(entry, boundary):
                        files[f"{prefix}{entry.name}"] = entry.stat().st_size
        except OSError:
            continue
    return files


def _may_read(entry: os.DirEntry[str], boundary: Path | None) -> bool:
    return entry.is_file(follow_symlinks=boundary is None)


def file_sha256(path: Place) -> str | None:
    """SHA-256 of the file's content; None if it cannot be read."""
    digest = hashlib.sha256()
    try:
        with opened(path) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()


def opened(path: Place) -> IO[bytes]:
    """The file, for reading.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    opened: IO[bytes] = path.open_file() if isinstance(path, S3Path) else path.open("rb")  # type: ignore[assignment]
    return opened
