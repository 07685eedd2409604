"""Java's properties files."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path


def write_properties(path: Path, values: Mapping[str, str], *, mode: int = 0o644) -> Path:
    """Write a properties file, and return its path. `mode`: who may read it, from its first byte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="ascii") as stream:
        stream.writelines(f"{key}={escaped(value)}\n" for key, value in values.items())
    return path


def escaped(value: str) -> str:
    """A value as Java reads it from a properties file: in Latin-1, with a backslash for what is special."""
    return "".join(
        f"\\u{unit:04x}" if unit > 126 else f"\\{chr(unit)}" if chr(unit) == "\\" else chr(unit)
        for unit in struct.unpack(f"<{len(value.encode('utf-16-le')) // 2}H", value.encode("utf-16-le"))
    )
