"""`make class-demo`: grades the small class of classroom.yml live, and compares with what must come out.

Exit code 0: everything as expected. 1: the differences are in the table.
"""

from __future__ import annotations

import csv
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tabulate import tabulate

from configs.errors import run_command
from configs.settings import PROJECT
from grader.class_run.command import GRADEBOOK
from scripts.classroom.__main__ import grade_class
from tests.submissions.build import Sample, build_class, samples

OUT = PROJECT / "reports" / "class-demo"


def grade_samples(chosen: Mapping[str, Sample], class_: Path, out: Path, **variables: str) -> dict[str, list[str]]:
    """Write the class, grade it with the variables of `make grade-class`; name -> what is not as expected."""
    build_class(class_, list(chosen.values()))
    grade_class({"SUBMISSIONS": str(class_), "OUT": str(out), "LIVE": "1", **variables})
    rows = {row["rollnumber"]: row for row in read_gradebook(out)}
    return {name: differences(sample, rows.get(sample.rollnumber)) for name, sample in chosen.items()}


def read_gradebook(out: Path) -> list[dict[str, str]]:
    with (out / GRADEBOOK).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def differences(sample: Sample, row: Mapping[str, str] | None) -> list[str]:
    """What the gradebook has otherwise than the sample says, a phrase each."""
    if row is None:
        return [f"no row for {sample.rollnumber}"]
    found = [
        f"{column} is {row[column]!r}, not {expected!r}"
        for column, expected in (
            ("verdict", sample.verdict),
            ("producer", sample.producer),
            ("consumer", sample.consumer),
        )
        if expected is not None and row[column] != expected
    ]
    found += [f"{check} is {row.get(check)}, not FAIL" for check in sample.failed if row.get(check) != "FAIL"]
    if sample.note is not None and sample.note not in row["note"]:
        found.append(f"the note has no {sample.note!r}")
    return [*found, f"note: {row['note']}"] if found else []


def main(names: Sequence[str]) -> int:
    known = samples()
    chosen = {name: known[name] for name in names} if names else known
    shutil.rmtree(OUT, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="class-demo-") as folder:
        wrong = grade_samples(chosen, Path(folder), OUT)
    rows = {row["rollnumber"]: row for row in read_gradebook(OUT)}
    table = []
    for name, sample in chosen.items():
        row = rows.get(sample.rollnumber, {})
        outcome = "\n".join(wrong[name]) or "as expected"
        table.append([name, row.get("verdict"), row.get("producer"), row.get("consumer"), row.get("seconds"), outcome])
    print(
        tabulate(
            table, headers=["submission", "verdict", "producer", "consumer", "s", ""], maxcolwidths=[None] * 5 + [60]
        )
    )
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(run_command(lambda: main(sys.argv[1:])))
