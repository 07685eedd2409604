"""Copies a stranger's files as data: regular files and folders, and no link, pipe or device."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from configs.wording import counted

_CHUNK = 1 << 20
NOT_HANDED_IN = frozenset({".git", ".venv", "venv", "node_modules", "__pycache__", "site-packages"})


class TooLargeError(Exception):
    """More than was allowed; the message says of what."""


@dataclass
class _Budget:
    bytes: int
    files: int
    left_out: int = 0

    def take(self, count: int) -> None:
        self.bytes -= count
        if self.bytes < 0:
            raise TooLargeError("more bytes than allowed")

    def take_file(self) -> None:
        self.files -= 1
        if self.files < 0:
            raise TooLargeError("more files than allowed")


def copy_data(
    source: Path,
    target: Path,
    *,
    max_bytes: int,
    max_files: int,
    without: Collection[str] = (),
    owner: int | None = None,
) -> int:
    """Copy the regular files below `source` to `target`; return how many entries were left out.

    `without`: names of folders that are not copied. `owner`: the user and group of the copies, if not the caller's.

    Raises:
        TooLargeError: there are more bytes, or more files and folders, than allowed. What was copied stays.
        OSError: `target` cannot be written.
    """
    budget = _Budget(max_bytes, max_files)
    try:
        _copy_folder(str(source), str(target), budget, frozenset(without), owner)
    except TooLargeError:
        raise TooLargeError(
            f"it has more than {max_bytes >> 20} MiB or more than {counted(max_files, 'file')}"
        ) from None
    return budget.left_out


def _copy_folder(source: str, target: str, budget: _Budget, without: frozenset[str], owner: int | None) -> None:
    budget.take_file()
    os.makedirs(target, exist_ok=True)  # noqa: PTH103 - names may be no text, which Path does not mind, but as str
    if owner is not None:
        os.chown(target, owner, owner)
    try:
        entries = sorted(os.scandir(source), key=lambda entry: entry.name)
    except OSError:
        budget.left_out += 1
        return
    for entry in entries:
        place = os.path.join(target, entry.name)  # noqa: PTH118
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in without:
                _copy_folder(entry.path, place, budget, without, owner)
        elif not entry.is_file(follow_symlinks=False) or not _copy_file(entry.path, place, budget, owner):
            budget.left_out += 1


def _copy_file(source: str, target: str, budget: _Budget, owner: int | None) -> bool:
    """False for what is no regular file, or no more, or cannot be read."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no Path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False
        budget.take_file()
        with open(target, "xb") as copy:  # noqa: PTH123
            while chunk := file.read(_CHUNK):
                budget.take(len(chunk))
                copy.write(chunk)
            if owner is not None:
                os.fchown(copy.fileno(), owner, owner)
    return True
