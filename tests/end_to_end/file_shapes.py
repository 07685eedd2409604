"""The shape of files that Spark leaves: their names, lines, JSON keys, columns and checksums, without their values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from grader.evidence.checksum import is_stale, sidecar

_NAMES = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"part-\d{5}"), "part-<task>"),
    (re.compile(r"rejected-\d{6}"), "rejected-<number>"),
    (re.compile(r"date=\d{4}-\d{2}-\d{2}"), "date=<day>"),
    (re.compile(r"(?<=/)\d+(?=$|\.compact$)"), "<batch>"),
)


def shapes(folder: Path, but: tuple[str, ...] = ()) -> dict[str, set[str]]:
    """Name of a file, with what varies replaced -> the shapes of all files of that name.

    A checksum file is no file of its own: it is part of its file's shape. Files whose names begin with one of `but`
    are left out.
    """
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not path.name.endswith(".crc") and not name.startswith(but):
            name = f"/{name}"
            for pattern, word in _NAMES:
                name = pattern.sub(word, name)
            what = _parquet(path) if path.suffix == ".parquet" else _text(path)
            found.setdefault(name[1:], set()).add(f"{_checksum(path)}\n{what}")
    return found


def _checksum(path: Path) -> str:
    if not sidecar(path).is_file():
        return "no checksum"
    return "stale checksum" if is_stale(path.parent, path.name) else "checksum"


def _parquet(path: Path) -> str:
    metadata = pq.read_metadata(path)
    columns = [metadata.schema.column(at) for at in range(metadata.num_columns)]
    lines = [
        f"{column.name}: {column.physical_type} {column.logical_type}, null allowed: {column.max_definition_level == 1}"
        for column in columns
    ]
    lines.append(f"footer: {sorted(metadata.metadata or {})}")
    lines.append(f"Spark's row type: {json.loads(metadata.metadata[b'org.apache.spark.sql.parquet.row.metadata'])}")
    lines.append(f"row groups: {metadata.num_row_groups if metadata.num_rows else 'none'}")
    lines += sorted({_compression(metadata, group) for group in range(metadata.num_row_groups)})
    return "\n".join(lines)


def _compression(metadata: pq.FileMetaData, group: int) -> str:
    return ", ".join(metadata.row_group(group).column(at).compression for at in range(metadata.num_columns))


def _text(path: Path) -> str:
    content = path.read_bytes().decode("utf-8")
    ending = "ends with a newline" if content.endswith("\n") else "ends without a newline"
    return "\n".join([*_without_repeats(_line(line) for line in content.split("\n")), ending])


def _without_repeats(lines: Iterator[str]) -> Iterator[str]:
    """A log has a line for each file."""
    before = None
    for line in lines:
        if line != before:
            yield line
        before = line


def _line(line: str) -> str:
    try:
        return _kind(json.loads(line))
    except ValueError:
        return repr(line)


def _kind(value: object) -> str:
    """An object's keys with the kinds of their values. Keys that are data (a topic, a partition) count as one."""
    if not isinstance(value, dict):
        return type(value).__name__
    keys = {
        "<partition>" if key.isdecimal() else "<topic>" if key.endswith("_raw") else key: value[key] for key in value
    }
    return "{" + ", ".join(f"{key}: {_kind(keys[key])}" for key in sorted(keys)) + "}"


def _key(key: str) -> str:
    return "<partition>" if key.isdecimal() else "<topic>" if key.endswith("_raw") else key
