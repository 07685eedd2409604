"""Hadoop's checksum sidecars: `.<name>.crc` beside each file that a local Spark wrote.

Format, as read off files that Spark 3.5.1 left: `crc` and a NUL, the chunk size as 4 bytes (512), then the CRC-32 of
each chunk as 4 bytes, all big-endian.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from grader.evidence.listing import read_bytes

_MAGIC = b"crc\0"
_HEADER = struct.Struct(">4sI")


def is_stale(folder: Path, name: str) -> bool:
    """Whether the sidecar of the file `name`, a path relative to `folder`, contradicts its content.

    False without a sidecar, which copies often lose. No link below `folder` is followed.
    """
    try:
        path = Path(name)
        sums = read_bytes(folder, str(path.with_name(f".{path.name}.crc")))
        content = read_bytes(folder, name)
    except OSError:
        return False
    if len(sums) < _HEADER.size:
        return True
    magic, size = _HEADER.unpack_from(sums)
    return magic != _MAGIC or size == 0 or sums != checksums(content, size)


def checksums(content: bytes, chunk: int = 512) -> bytes:
    """The sidecar that belongs to `content`, with one CRC-32 a `chunk` bytes."""
    parts = [_HEADER.pack(_MAGIC, chunk)]
    parts += [struct.pack(">I", zlib.crc32(content[at : at + chunk])) for at in range(0, len(content), chunk)]
    return b"".join(parts)
