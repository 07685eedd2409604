"""How many submissions of a class are graded in an hour or a minute: live and by evidence, one by one and several.

    .venv/bin/python -m scripts.bench.class_run [--live 6] [--evidence 1000]

The live ones are programs in the style of students (tests/students and tests/submissions), each with its own roll
number. The evidence is made by grader/builder.py. Both runs of a pair grade the same folder, and must give the same
marks.
"""

from __future__ import annotations

import argparse
import csv
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from configs.settings import PROJECT
from grader.builder import CONFIG, ROLLNUMBER, Submission
from grader.class_run.command import GRADEBOOK, ClassOptions, Mode, default_workers, evidence_mode, run_class
from grader.class_run.discovery import Found
from grader.class_run.evidence_workers import EvidenceOptions
from grader.class_run.task import Graded, GradeOne
from grader.rubric import DEFAULT_RUBRIC
from scripts.bench.page import record, section
from scripts.classroom.live_mode import LiveOptions, live_mode
from scripts.classroom.sandbox import chosen_sandbox

TREES = (
    PROJECT / "tests" / "students" / "pyspark_jdbc",
    PROJECT / "tests" / "students" / "psycopg2_kafka_python",
    PROJECT / "tests" / "submissions" / "confluent_kafka",
)
_ROLLNUMBER = re.compile(r"2025em1100\d{3}")
_PERCENT = 99  # of a folder of evidence, the others have a lost row


def write_live_class(folder: Path, count: int) -> None:
    """`count` submissions, of each tree in turn."""
    for number in range(count):
        place = folder / f"2025em1101{number:03}"
        shutil.copytree(TREES[number % len(TREES)], place)
        for path in (path for path in place.rglob("*") if path.is_file()):
            path.write_text(_ROLLNUMBER.sub(place.name, path.read_text(encoding="utf-8")), encoding="utf-8")


def write_evidence(folder: Path, count: int) -> None:
    """`count` submissions, of which some have lost a row."""
    for number in range(count):
        rollnumber = f"2025em11{number:05}"
        submission = Submission(folder / rollnumber)
        if number % 100 >= _PERCENT:
            submission.lose(4)
        config = submission.build() / CONFIG
        config.write_text(config.read_text().replace(f"rollnumber: {ROLLNUMBER}", f"rollnumber: {rollnumber}"))


def graded(class_: Path, out: Path, mode: Mode, workers: int) -> tuple[float, dict[str, str]]:
    """Seconds of a run, and the marks by submission."""
    begun = time.monotonic()
    run_class(ClassOptions(class_, out, workers=workers), mode)
    seconds = time.monotonic() - begun
    with (out / GRADEBOOK).open(encoding="utf-8-sig", newline="") as file:
        return seconds, {row["submission"]: f"{row['verdict']} {row['score']}" for row in csv.DictReader(file)}


class LargestWorker:
    """Remembers the largest resident memory, in MiB, of a process below this one, seen after each submission."""

    def __init__(self) -> None:
        self.mib = 0

    def watching(self, mode: Mode) -> Mode:
        @contextmanager
        def opened(workers: int, scratch: Path) -> Iterator[GradeOne]:
            with mode.open(workers, scratch) as grade_one:
                yield self._watched(grade_one)

        return replace(mode, open=opened)

    def _watched(self, grade_one: GradeOne) -> Callable[[Found, Path], Graded]:
        def watched(found: Found, out: Path) -> Graded:
            result = grade_one(found, out)
            for child in psutil.Process().children():
                self.mib = max(self.mib, child.memory_info().rss >> 20)
            return result

        return watched


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.class_run", description=__doc__)
    parser.add_argument("--live", type=int, default=6, help="submissions that are run live")
    parser.add_argument("--evidence", type=int, default=1000, help="submissions that are graded by evidence")
    parser.add_argument("--dry-run", action="store_true", help="record nothing in docs/measured/bench/")
    options = parser.parse_args()
    evidence = EvidenceOptions(DEFAULT_RUBRIC)
    live = live_mode(LiveOptions(evidence, chosen_sandbox(None)))
    rows: list[list[object]] = []
    notes = []
    with tempfile.TemporaryDirectory(prefix="food-orders-class-") as temporary:
        folder = Path(temporary)
        write_live_class(folder / "live", options.live)
        several = default_workers(live)
        graded(folder / "live", folder / "warm", live, several)  # the services' template is made, files are in memory
        shutil.rmtree(folder / "warm")
        one_by_one, marks = graded(folder / "live", folder / "one", live, 1)
        at_once, same = graded(folder / "live", folder / "several", live, several)
        if same != marks:
            raise ValueError(f"the live marks differ: {marks} and {same}")
        per_hour = [f"{options.live / seconds * 3600:.0f}" for seconds in (one_by_one, at_once)]
        rows.append([f"live, rounds 1 to 3, {options.live} submissions", "an hour", *per_hour, "250", several])
        write_evidence(folder / "evidence", options.evidence)
        largest = LargestWorker()
        mode = largest.watching(evidence_mode(evidence))
        one_by_one, marks = graded(folder / "evidence", folder / "e1", mode, 1)
        at_once, same = graded(folder / "evidence", folder / "e2", mode, 2)
        if same != marks:
            raise ValueError("the marks by evidence differ")
        per_minute = [f"{options.evidence / seconds * 60:.0f}" for seconds in (one_by_one, at_once)]
        rows.append([f"by evidence, {options.evidence} submissions", "a minute", *per_minute, "1500", 2])
        notes.append(f"The largest worker by evidence had {largest.mib} MiB (target: at most 300).")
        notes.append("Both runs of a row gave the same verdict and mark to each submission.")
    headers = ("class", "submissions", "one by one", "several at a time", "target, at least", "workers")
    measured = section("A class", "python -m scripts.bench.class_run", headers, rows, notes)
    print(measured.table(), *measured.notes, sep="\n")
    if not options.dry_run:
        record("class_run", measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())
