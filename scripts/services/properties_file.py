"""Files of settings as Java reads them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path


def write_properties(path: Path, values: Mapping[str, str]) -> Path:
    """Write key=value lines to a properties file; return its path."""
    path.write_text("".join(f"{key}={escaped(value)}\n" for key, value in values.items()), encoding="ascii")
    return path


def escaped(value: str) -> str:
    """A value as Java reads it from a properties file: in Latin-1, with a backslash for what is special."""
    return "".join(
        f"\\u{unit:04x}" if unit > 126 else f"\\{chr(unit)}" if chr(unit) == "\\" else chr(unit)
        for unit in struct.unpack(f"<{len(value.encode('utf-16-le')) // 2}H", value.encode("utf-16-le"))
    )
