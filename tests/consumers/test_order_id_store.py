"""The store of order_ids: what a changelog of Spark holds, and whether it is the lake's."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.program import ProgramError
from consumers.order_id_store import added_order_ids, require_store_of_lake

NULL_BITS = b"\0" * 8


def record(order_id: int, *, removed: bool = False) -> bytes:
    key = b"\0" + NULL_BITS + b"\0" * 4 + struct.pack(">i", order_id)
    return struct.pack(">i", len(key)) + key + (struct.pack(">i", -1) if removed else struct.pack(">i", 1) + b"\0")


def block(content: bytes, *, lz4: bool = True) -> bytes:
    data = pa.compress(content, codec="lz4_raw", asbytes=True) if lz4 else content
    return struct.pack("<8sBiiI", b"LZ4Block", 0x25 if lz4 else 0x15, len(data), len(content), 0) + data


def changelog(path: Path, order_ids: Iterable[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = b"".join(map(record, order_ids)) + struct.pack(">i", -1)
    path.write_bytes(block(content) + struct.pack("<8sBiiI", b"LZ4Block", 0x15, 0, 0, 0))


def batch(lake: Path, number: int, order_ids: list[int], *, name: str | None = None) -> None:
    """A batch in the lake's log: written when the lake was in another folder."""
    lines = ["v1"]
    if order_ids:
        file = Path("date=2025-11-18", f"part-{number}.parquet")
        (lake / file).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"order_id": pa.array(order_ids, pa.int32())}), lake / file)
        lines.append(json.dumps({"path": f"file:///an%20older%20place/{file}", "action": "add"}))
    log = lake / "_spark_metadata" / (name or str(number))
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Lake and checkpoint of two batches, with two partitions of the store."""
    lake, checkpoint = tmp_path / "a lake", tmp_path / "checkpoint"
    batch(lake, 0, [1, 2, 3])
    batch(lake, 1, [4, 70_000, 2**31 - 1])
    for partition, new in enumerate(([4], [70_000, 2**31 - 1])):
        changelog(checkpoint / "state" / "0" / str(partition) / "2.changelog", new)
    return lake, checkpoint


def test_the_store_of_the_lake_passes_in_a_folder_that_was_moved(folders: tuple[Path, Path]) -> None:
    require_store_of_lake(*folders, 1)


def test_a_store_that_has_an_order_more_is_refused_with_its_order_id(folders: tuple[Path, Path]) -> None:
    lake, checkpoint = folders
    changelog(checkpoint / "state" / "0" / "0" / "2.changelog", [4, 5])
    with pytest.raises(ProgramError, match=r"batch 1 wrote 3 order_ids .* has 4 .*order_id 5 is in one of them only"):
        require_store_of_lake(lake, checkpoint, 1)


def test_a_store_that_has_an_order_less_is_refused(folders: tuple[Path, Path]) -> None:
    lake, checkpoint = folders
    changelog(checkpoint / "state" / "0" / "1" / "2.changelog", [70_000])
    with pytest.raises(ProgramError, match=r"is not of this lake.*order_id 2147483647"):
        require_store_of_lake(lake, checkpoint, 1)


def test_a_batch_without_rows_and_a_compact_log_lead_to_an_earlier_batch(folders: tuple[Path, Path]) -> None:
    lake, checkpoint = folders
    batch(lake, 2, [])
    batch(lake, 3, [4, 5], name="3.compact")
    for version in (3, 4):
        changelog(checkpoint / "state" / "0" / "0" / f"{version}.changelog", [])
    require_store_of_lake(lake, checkpoint, 3)
    changelog(checkpoint / "state" / "0" / "0" / "2.changelog", [9])
    with pytest.raises(ProgramError, match="batch 1 wrote"):
        require_store_of_lake(lake, checkpoint, 3)


def test_a_key_that_the_window_removed_was_not_added(tmp_path: Path) -> None:
    path = tmp_path / "2.changelog"
    content = record(7) + record(3, removed=True) + record(-1)
    path.write_bytes(block(content, lz4=False) + block(record(8) + struct.pack(">i", -1)))
    assert list(added_order_ids(path)) == [7, -1, 8]


@pytest.mark.parametrize("end", [30, -30])
def test_a_changelog_that_is_cut_short_is_named(tmp_path: Path, end: int) -> None:
    path = tmp_path / "2.changelog"
    changelog(path, range(1000))
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(ProgramError, match=r"2\.changelog is damaged"):
        list(added_order_ids(path))
