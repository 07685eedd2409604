"""Evidence with values that no program writes: a finding, never an error of the grader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grader.builder import CHECKPOINT, LAKE, QUARANTINE, ROUNDS, Submission
from grader.model import Status
from grader.selftest.corpus import grade_submission


def _replace(path: str, old: str, new: str) -> Callable[[Submission], None]:
    def change(root: Path) -> None:
        file = root / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    return lambda submission: submission.edit(change)


def _raw(text: str) -> Callable[[Submission], None]:
    return lambda submission: submission.change_quarantine(lambda rows: [rows[0] | {"raw": text}, *rows[1:]])


def _offsets_as_text(root: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = min((root / QUARANTINE).glob("*.parquet"))
    table = pq.ParquetFile(path).read()
    at = table.column_names.index("offset")
    pq.write_table(table.set_column(at, "offset", table.column("offset").cast(pa.string())), path)


DAMAGES: dict[str, Callable[[Submission], Any]] = {
    "infinite offset": _replace(f"{CHECKPOINT}/offsets/1", '"0":5', '"0":Infinity'),
    "huge offset": _replace(f"{CHECKPOINT}/offsets/2", '"0":7', f'"0":{10**30}'),
    "infinite start": _replace(f"{CHECKPOINT}/sources/0/0", '"0":0', '"0":Infinity'),
    "infinite size": _replace(f"{LAKE}/_spark_metadata/1", '"size":', '"size":1e999,"was":'),
    "huge order_id": _replace(f"{ROUNDS}/round3.json", '"order_id": 26', f'"order_id": {10**30}'),
    "time that is none": _replace(f"{ROUNDS}/round2.json", "2025-11-19T12:24:18.123456Z", "tomorrow"),
    "amount that is none": _replace(f"{ROUNDS}/round2.json", "118.50", "much"),
    "amount of many digits in the quarantine": _raw('{"order_id": 1, "amount": 1e999999999, "created_at": 5}'),
    "number of many digits in the quarantine": _raw(f'{{"order_id": {"9" * 5000}}}'),
    "NaN in the quarantine": _raw('{"order_id": NaN, "amount": NaN}'),
    "nested quarantine": _raw("[" * 100_000),
    "offsets of the quarantine as text": lambda submission: submission.edit(_offsets_as_text),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_a_finding(damage: str, tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    submission.add_round_3()
    DAMAGES[damage](submission)
    submission.build()
    report = grade_submission(submission)
    assert {f.id: f.actual for f in report.findings if f.status is Status.ERROR} == {}
    assert report.facts
