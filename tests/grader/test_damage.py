"""Damage that the fuzzer once broke the grader with, each by itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grader.__main__ import main
from grader.builder import CHECKPOINT, LAKE, STATE, Submission, leave_orphan


def first_file(root: Path) -> Path:
    return min((root / LAKE).glob("date=*/*.parquet"))


def text_that_is_no_utf8(root: Path) -> None:
    table = pq.read_table(first_file(root), partitioning=None)
    at = table.schema.get_field_index("customer_name")
    damaged = pa.array([b"Custo\xff\xfe"] * table.num_rows).view(pa.string())
    pq.write_table(table.set_column(at, "customer_name", damaged), first_file(root))


def text_columns_of_bytes(root: Path) -> None:
    table = pq.read_table(first_file(root), partitioning=None)
    at = table.schema.get_field_index("item")
    pq.write_table(table.set_column(at, "item", pa.array([b"\xff\xfe"] * table.num_rows)), first_file(root))


def offsets_that_go_back(root: Path) -> None:
    path = root / CHECKPOINT / "offsets" / "2"
    path.write_text(path.read_text().replace('"0":7', '"0":-1000'))


def a_folder_of_checksums_elsewhere(root: Path) -> None:
    (root / CHECKPOINT / "sources" / "0").rename(root.parent / "elsewhere")
    (root / CHECKPOINT / "sources" / "0").symlink_to(root.parent / "elsewhere")


def links_in_a_circle(root: Path) -> None:
    (root / STATE).unlink()
    (root / STATE).symlink_to(root / STATE)


def three_gigabytes(root: Path) -> None:
    os.truncate(first_file(root), 3 << 30)


def binary_amount_in_a_file_beside_the_log(root: Path) -> None:
    leave_orphan(root)
    orphan = max((root / LAKE).glob("date=2025-11-18/*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    pq.write_table(pa.table({"order_id": [1], "amount": [b"\xff"], "created_at": [b"\xff"]}), orphan)


def a_batch_numbered_to_the_sky(root: Path) -> None:
    for folder in (f"{CHECKPOINT}/offsets", f"{CHECKPOINT}/commits", f"{LAKE}/_spark_metadata"):
        (root / folder / ("9" * 18)).write_text("v1")


def years_that_python_does_not_know(root: Path) -> None:
    table = pq.read_table(first_file(root), partitioning=None)
    at = table.schema.get_field_index("created_at")
    far = pa.array([2**62] * table.num_rows).cast(pa.timestamp("us"))
    pq.write_table(table.set_column(at, "created_at", far), first_file(root))


DAMAGES = [
    text_that_is_no_utf8,
    text_columns_of_bytes,
    offsets_that_go_back,
    a_folder_of_checksums_elsewhere,
    links_in_a_circle,
    three_gigabytes,
    binary_amount_in_a_file_beside_the_log,
    a_batch_numbered_to_the_sky,
    years_that_python_does_not_know,
]


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_judged(damage: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submission = Submission(tmp_path / "x")
    submission.edit(damage)
    assert main(["grade", str(submission.build()), "--database", "off", "--time-limit", "20", "--debug"]) in (0, 1)
    assert "Traceback" not in capsys.readouterr().err
    report = json.loads((submission.folder / "reports" / "report.json").read_text())
    assert "ERROR" not in {check["status"] for check in report["checks"]}
