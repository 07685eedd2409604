"""The store of order_ids: its key, and whether the store that is there belongs to the lake.

Spark keeps the store in RocksDB. Batch N leaves version N + 1. What it changed is in `state/0/P/<N + 1>.changelog` (P:
each partition of the store): one record for each order_id that was new.

Format of a changelog in Spark 3.5 (StateStoreChangelogWriter, in blocks of lz4-java's LZ4BlockOutputStream):

- block: "LZ4Block", 1 byte method (0x10 stored, 0x20 LZ4; the lower half is the block size), then the compressed size,
  the size and a checksum, 4 bytes each, lowest byte first; then the data
- record: size of the key, key, size of the value, value; sizes have 4 bytes, highest byte first. The size -1 in place
  of a key ends the file, in place of a value it says that the key was removed
- key: a version byte, 8 bytes of null bits, 8 bytes of the key, lowest byte first
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pyspark.sql import SparkSession

from configs.program import ProgramError
from configs.storage import Place, parquet_source

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# The order_id with its four bytes in reverse, as the upper half of a BIGINT. RocksDB sorts keys by their bytes, and
# Spark stores the lowest byte of a number first. In reverse, neighbours are neighbours in the store too. Orders arrive
# with growing ids, so each is found to be new at half the cost, and the store's files need no merge.
KEY = "store_key"
KEY_OF_ORDER_ID = (
    "shiftleft(order_id & 255L, 56) | shiftleft(order_id & 65280L, 40)"
    " | shiftleft(order_id & 16711680L, 24) | shiftleft(order_id & 4278190080L, 8)"
)
_MAGIC, _HEADER = b"LZ4Block", struct.Struct("<8sBiiI")
_LZ4 = 0x20
_END = -1
_OR_READ_AGAIN = (
    "Or move the checkpoint and the lake away (use mv, delete nothing): then the whole topic is read into a new lake."
)


def close_store(spark: SparkSession) -> None:
    """Close RocksDB, which `spark.stop()` leaves open. If it still merges files while the JVM ends, the JVM crashes.

    Raises:
        Py4JError, OSError: the JVM does not answer.
    """
    package: Any = spark.sparkContext._jvm
    package = package.org.apache.spark.sql.execution.streaming.state
    getattr(getattr(package, "StateStore$"), "MODULE$").stop()


def require_store_of_lake(lake: Place, checkpoint: Path, finished: int | None) -> None:
    """Compare a batch's rows in the lake with what it added to the store: the last one that the lake's log has alone.

    A store of another run would drop orders that the lake does not have, or let repeats in.

    Raises:
        ProgramError: they are not the same order_ids.
    """
    for batch in range(-1 if finished is None else finished, -1, -1):
        log = lake / "_spark_metadata" / str(batch)
        changelogs = sorted((checkpoint / "state" / "0").glob(f"[0-9]*/{batch + 1}.changelog"))
        if not log.is_file() or not changelogs:
            if (lake / "_spark_metadata" / f"{batch}.compact").is_file():
                continue  # it repeats the files of all earlier batches
            return
        files = _files(lake, log)
        if not files:
            continue
        if not all(path.is_file() for path in files):
            return  # the lake was changed by somebody: the grader reports that
        import numpy as np  # only here, as pyarrow below

        # Arrays, because a batch may have half a million: as sets they take eight times the memory.
        in_lake = np.unique(np.concatenate([_order_ids(path) for path in files]))
        in_store = np.unique(np.concatenate([np.fromiter(added_order_ids(path), np.int64) for path in changelogs]))
        if not np.array_equal(in_lake, in_store):
            example = np.setxor1d(in_lake, in_store)[0]
            raise ProgramError(
                f"The store of order_ids in {checkpoint / 'state'} is not of this lake: batch {batch} wrote "
                f"{in_lake.size} order_ids to {lake}, and the store has {in_store.size} of that batch (order_id "
                f"{example} is in one of them only). With it, orders would be lost or repeated. Put the right state/ "
                f"back. {_OR_READ_AGAIN}"
            )
        return


def added_order_ids(changelog: Path) -> Iterator[int]:
    """The order_ids that a batch added to a partition of the store.

    Raises:
        ProgramError: the file is damaged.
    """
    import pyarrow as pa

    try:
        content = _decompressed(changelog.read_bytes())
        at = 0
        while (size := _int(content, at)) != _END:
            key, at = content[at + 4 : at + 4 + size], at + 4 + size
            if (value := _int(content, at)) != _END:
                yield struct.unpack(">i", key[-4:])[0]
                at += value
            at += 4
    except (struct.error, pa.ArrowException, OSError, ValueError) as error:
        raise ProgramError(f"{changelog} is damaged ({error}). Put it back from a copy. {_OR_READ_AGAIN}") from None


def _int(content: bytes, at: int) -> int:
    return int(struct.unpack_from(">i", content, at)[0])


def _decompressed(content: bytes) -> bytes:
    import pyarrow as pa  # only here: it takes a quarter of a second, and a first start needs it not

    parts, at = [], 0
    while at < len(content):
        magic, method, compressed, size, _ = _HEADER.unpack_from(content, at)
        if magic != _MAGIC:
            raise ValueError("a block does not begin with LZ4Block")
        at += _HEADER.size
        data = content[at : at + compressed]
        if len(data) != compressed:
            raise ValueError("the last block is cut short")
        if size:
            is_lz4 = method & 0xF0 == _LZ4
            parts.append(pa.decompress(data, size, codec="lz4_raw", asbytes=True) if is_lz4 else data)
        at += compressed
    return b"".join(parts)


def _files(lake: Place, log: Place) -> list[Place]:
    """The batch's files, where the lake is now: the log has the path that it had then."""
    entries = [json.loads(line)["path"] for line in log.read_text(encoding="utf-8").splitlines()[1:] if line]
    return [lake.joinpath(*Path(unquote(urlsplit(path).path)).parts[-2:]) for path in entries]


def _order_ids(path: Place) -> npt.NDArray[np.int64]:
    import numpy as np
    import pyarrow.parquet as pq

    table = pq.read_table(parquet_source(path), columns=["order_id"], partitioning=None)
    order_ids: npt.NDArray[np.int64] = table.column("order_id").to_numpy().astype(np.int64)
    return order_ids
