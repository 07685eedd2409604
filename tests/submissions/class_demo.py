"""`make class-demo`: grades the small class of classroom.yml live, and compares with what must come out.

The run is killed in the middle, as by a power cut, and started again: that must not show in the gradebook.

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
from tests.submissions.power_cut import Run, cut_in_the_middle

OUT = PROJECT / "reports" / "class-demo"
RESULTS_BEFORE_THE_CUT = 3


def grade_samples(chosen: Mapping[str, Sample], class_: Path, out: Path, **variables: str) -> dict[str, list[str]]:
    """Write the class, grade it with the variables of `make grade-class`; name -> what is not as expected."""
    build_class(class_, list(chosen.values()))
    grade_class({"SUBMISSIONS": str(class_), "OUT": str(out), "LIVE": "1", **variables})
    return all_differences(chosen, out)


def all_differences(chosen: Mapping[str, Sample], out: Path) -> dict[str, list[str]]:
    """Name -> what the gradebook has otherwise than the sample says."""
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
            ("score", sample.score),
            ("producer", sample.producer),
            ("consumer", sample.consumer),
        )
        if expected is not None and row[column] not in expected.split(" or ")
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
        left = _grade_with_a_power_cut(chosen, Path(folder))
    wrong = all_differences(chosen, OUT)
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
    print(*(f"After the second start {phrase}." for phrase in left), sep="\n", end="")
    return 1 if left or any(wrong.values()) else 0


def _grade_with_a_power_cut(chosen: Mapping[str, Sample], folder: Path) -> list[str]:
    """Grade into OUT, with a kill in the middle and a second start; what is left of the first one, a phrase each."""
    build_class(folder / "class", list(chosen.values()))
    run = Run({"SUBMISSIONS": str(folder / "class"), "OUT": str(OUT), "LIVE": "1"}, folder / "temporary")
    cut = cut_in_the_middle(run, min(RESULTS_BEFORE_THE_CUT, len(chosen) - 1))
    print(
        f"Killed, as by a power cut. Finished: {', '.join(cut.kept)}. In mid-run: {', '.join(cut.in_mid_run)}.\n"
        "The same command again:",
        flush=True,
    )
    run.start().wait()
    return cut.left_behind()


if __name__ == "__main__":
    sys.exit(run_command(lambda: main(sys.argv[1:])))
