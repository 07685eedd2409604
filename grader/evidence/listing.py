"""What is in a folder, for readers that must not trip over what is missing, linked or just vanishing."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_CHUNK = 1 << 20


def file_names(folder: Path) -> list[str]:
    """Names of the files in `folder`, sorted; none when it is not there. Links to folders are passed over."""
    return _names(folder, folders=False)


def folder_names(folder: Path) -> list[str]:
    """Names of the folders in `folder`, sorted; none when it is not there. Links are passed over."""
    return _names(folder, folders=True)


def _names(folder: Path, *, folders: bool) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if (e.is_dir(follow_symlinks=False) if folders else e.is_file()))
    except OSError:
        return []


def list_parquet(folder: Path, boundary: Path | None = None) -> dict[str, int]:
    """Parquet files under `folder` by relative path, with their sizes.

    As Spark does, passes over names that begin with _ or . (temporary files, sidecars). Links out of `boundary` and
    linked folders are passed over too, and so is what vanishes meanwhile.
    """
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
                    elif entry.name.endswith((".parquet", ".parq")) and _may_read(entry, boundary):
                        files[f"{prefix}{entry.name}"] = entry.stat().st_size
        except OSError:
            continue
    return files


def _may_read(entry: os.DirEntry[str], boundary: Path | None) -> bool:
    if not entry.is_file():
        return False
    return boundary is None or not entry.is_symlink() or Path(entry.path).resolve().is_relative_to(boundary)


def file_sha256(path: Path) -> str | None:
    """Of a file's content; None when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()
