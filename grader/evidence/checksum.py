"""Hadoop's checksum files (sidecars): `.<name>.crc` next to each file that a local Spark wrote.

The format of files from Spark 3.5.1, all big-endian:

- `crc` and a NUL byte
- the chunk size as 4 bytes (512)
- the CRC-32 of each chunk as 4 bytes
"""

from __future__ import annotations

import struct
import time
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from grader.evidence.listing import read_bytes

_MAGIC = b"crc\0"
_HEADER = struct.Struct(">4sI")
_MOMENT_SEC = 0.1


def edited(folder: Path, names: Iterable[str]) -> tuple[str, ...]:
    """The files of `names`, paths relative to `folder`, whose sidecar does not match or was removed."""
    listed = list(names)
    bare = without_sidecar(folder, listed)
    return tuple(name for name in listed if name in bare or is_stale(folder, name))


def without_sidecar(folder: Path, names: Iterable[str]) -> frozenset[str]:
    """Files of `names` of which only the sidecar is missing, while all other files in the same folder have theirs.

    A file that is alone in its folder is compared with all other files. A copy loses all sidecars or none. A person who
    edits a file by hand may delete only its sidecar.
    """
    there = [name for name in names if (folder / name).is_file()]
    lacking = [name for name in there if not has_sidecar(folder / name)]
    siblings, bare = (Counter(name.rpartition("/")[0] for name in some) for some in (there, lacking))

    def is_alone(name: str) -> bool:
        place = name.rpartition("/")[0]
        return bare[place] == 1 < siblings[place] or (siblings[place] == len(lacking) == 1 < len(there))

    found = [name for name in lacking if is_alone(name)]
    if found:  # a running Spark moves a file shortly before its sidecar, and deletes it shortly after its sidecar
        time.sleep(_MOMENT_SEC)
    return frozenset(name for name in found if (folder / name).is_file() and not has_sidecar(folder / name))


def has_sidecar(path: Path) -> bool:
    return sidecar(path).is_file()


def sidecar(path: Path) -> Path:
    return path.with_name(f".{path.name}.crc")


def is_stale(folder: Path, name: str) -> bool:
    """Whether the sidecar of the file `name`, a path relative to `folder`, does not match its content.

    False without a sidecar, because copies often lose it. False if only line ends differ, because git can convert those
    of a text file to Windows. Links below `folder` are not followed.
    """
    try:
        sums = read_bytes(folder, str(sidecar(Path(name))))
        content = read_bytes(folder, name)
    except OSError:
        return False
    if len(sums) < _HEADER.size:
        return True
    magic, size = _HEADER.unpack_from(sums)
    if magic != _MAGIC or size == 0:
        return True
    if sums == checksums(content, size):
        return False
    return b"\0" in content or sums != checksums(content.replace(b"\r\n", b"\n"), size)


def checksums(content: bytes, chunk: int = 512) -> bytes:
    """The sidecar of `content`, with one CRC-32 for each `chunk` bytes."""
    parts = [_HEADER.pack(_MAGIC, chunk)]
    parts += [struct.pack(">I", zlib.crc32(content[at : at + chunk])) for at in range(0, len(content), chunk)]
    return b"".join(parts)
