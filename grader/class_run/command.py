"""`python -m grader class`: grade the submissions of a class, and keep its gradebook and page up to date meanwhile."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import psutil

from configs.errors import KitError
from configs.wording import counted
from grader.checks import all_checks
from grader.class_run.copies import Copy, find_copies
from grader.class_run.discovery import Discovery, Found, described, discover
from grader.class_run.evidence_workers import EvidenceOptions, EvidenceWorkers
from grader.class_run.gradebook import Row, canvas_csv, copies_csv, gradebook, gradebook_csv, several_marks
from grader.class_run.moodle import moodle_csv
from grader.class_run.names import letters
from grader.class_run.page import render_page
from grader.class_run.progress import Progress, duration
from grader.class_run.record import STORE, Record, Store, write_whole
from grader.class_run.roster import Roster, load_roster
from grader.class_run.run import ClassRun
from grader.class_run.task import GradeOne
from grader.rubric import DEFAULT_RUBRIC, Rubric, load_rubric

FAILED, ERROR = "failed", "error"  # of ONLY; anything else is a roll number
GRADEBOOK, CANVAS, MOODLE, COPIES, PAGE = "gradebook.csv", "canvas.csv", "moodle.csv", "copies.csv", "index.html"
DEFAULT_ASSIGNMENT = "Food orders pipeline"
_WRITE_INTERVAL = 2.0  # seconds between two gradebooks while results come
_WRITE_SHARE = 20  # writing takes at most one part in this of the time


class ClassError(KitError):
    """The class run was called wrongly; the message says what to do."""

    exit_code = 2


@dataclass(frozen=True)
class ClassOptions:
    """`workers` None: what cores and free memory allow. `only`: failed, error or a roll number; None: what is new."""

    submissions: Path
    out: Path
    rubric: Path = DEFAULT_RUBRIC
    roster: Path | None = None
    only: str | None = None
    workers: int | None = None
    assignment: str = DEFAULT_ASSIGNMENT


@dataclass(frozen=True)
class Mode:
    """How one submission is graded.

    - `name` says what a result depends on beside submission, rubric and kit.
    - `open` gets the number of workers and a folder for scratch files, and gives the function that grades one.
    - `bytes_each`: memory that a worker may need. `per_core`: workers for each core.
    """

    name: str
    open: Callable[[int, Path], AbstractContextManager[GradeOne]]
    bytes_each: int
    per_core: float = 1.0


def evidence_mode(options: EvidenceOptions) -> Mode:
    """Grades by evidence alone. It runs nothing of the students'."""

    def open_workers(workers: int, scratch: Path) -> AbstractContextManager[GradeOne]:
        return EvidenceWorkers(options, workers, scratch)

    return Mode(options.mode, open_workers, options.max_bytes)


def run_class(options: ClassOptions, mode: Mode) -> int:
    """Grade what is not graded yet, and write everything in OUT. Exit code 0, or 2 if a submission has no mark.

    Raises:
        KitError: the folder, the roster, the rubric or ONLY cannot be used, or another run uses OUT.
        OSError: OUT cannot be written.
    """
    rubric = load_rubric(options.rubric, all_checks())
    roster = load_roster(options.roster) if options.roster else Roster()
    if not options.submissions.is_dir():
        raise ClassError(f"{options.submissions}: no such folder. Name the folder with the submissions of the class")
    if options.out.resolve() == options.submissions.resolve():
        raise ClassError(f"{options.out}: has the submissions; name another folder for the results with --out or OUT=")
    store = Store(options.out)
    options.out.mkdir(parents=True, exist_ok=True)
    with _locked(options.out):
        store.begin()
        print(f"Looking for submissions in {options.submissions} ...", flush=True)
        discovery = discover(options.submissions, roster, store.unpacked, without=options.out)
        print(f"Found {described(discovery)}.", flush=True)
        workers = options.workers or default_workers(mode)
        with mode.open(workers, store.scratch) as grade_one:
            run = ClassRun(store, options.rubric, rubric, mode.name, grade_one)
            return _run(options, run, discovery, roster, workers)


def _run(options: ClassOptions, run: ClassRun, discovery: Discovery, roster: Roster, workers: int) -> int:
    kept = {found: run.store.read(found, run.inputs(found)) for found in discovery.submissions}
    records = {found: record for found, record in kept.items() if record is not None}
    todo = _chosen(options.only, discovery, records, roster)
    if len(todo) < len(discovery.submissions):
        rest = len(discovery.submissions) - len(todo)
        print(f"To grade now: {len(todo)}. The other {rest} stay as they are.", flush=True)
    book = _Book(options, run.rubric, discovery, roster)
    for found in todo:
        records.pop(found, None)
    book.write(records)
    progress = Progress(len(todo), sys.stdout)

    def on_result(found: Found, record: Record) -> None:
        records[found] = record
        progress.add(record.verdict)
        book.write_if_due(records)

    begun = time.monotonic()
    try:
        run.grade(todo, workers, on_result, progress.show)
    finally:
        if todo:
            progress.done()
        rows, copies = book.write(records)
    print(*_summary(options, discovery, rows, copies, run.store, time.monotonic() - begun), sep="\n", flush=True)
    return 2 if any(row.found and row.score is None for row in rows) else 0


def _chosen(only: str | None, discovery: Discovery, records: dict[Found, Record], roster: Roster) -> list[Found]:
    """What is to be graded now: what has no result; with ONLY: what it names, whether it has a result or not.

    Raises:
        ClassError: ONLY is a roll number that no submission has.
    """
    if only is None:
        return [found for found in discovery.submissions if found not in records]
    verdicts = {FAILED: "fail", ERROR: "error"}
    if only.lower() in verdicts:
        return [found for found, record in records.items() if record.verdict == verdicts[only.lower()]]
    asked = letters(only)
    chosen = [
        row.found
        for row in gradebook(discovery, records, roster)
        if row.found and (letters(row.rollnumber) == asked or asked in letters(row.found.name))
    ]
    if not chosen:
        raise ClassError(
            f"ONLY is {only!r}: no submission has this roll number or name. Use failed, error, or a roll number of "
            f"{GRADEBOOK}"
        )
    return chosen


class _Book:
    """Writes the files about the whole class, at once or when it is time."""

    def __init__(self, options: ClassOptions, rubric: Rubric, discovery: Discovery, roster: Roster) -> None:
        self._options = options
        self._rubric = rubric
        self._discovery = discovery
        self._roster = roster
        self._due = 0.0

    def write_if_due(self, records: dict[Found, Record]) -> None:
        if time.monotonic() >= self._due:
            self.write(records)

    def write(self, records: dict[Found, Record]) -> tuple[tuple[Row, ...], tuple[Copy, ...]]:
        """Write gradebook.csv, canvas.csv, moodle.csv, copies.csv and index.html, each as a whole."""
        begun = time.monotonic()
        rows = gradebook(self._discovery, records, self._roster)
        known = {row.submission: row for row in rows if row.found}
        prints = {name: row.record.fingerprints for name, row in known.items() if row.record}
        copies = find_copies(prints, {name: row.rollnumber for name, row in known.items() if row.rollnumber})
        out = self._options.out
        checks = list(self._rubric.points)
        write_whole(out / GRADEBOOK, gradebook_csv(rows, checks))
        write_whole(out / CANVAS, canvas_csv(rows, self._options.assignment))
        write_whole(out / MOODLE, moodle_csv(rows, self._roster, self._options.assignment))
        write_whole(out / COPIES, copies_csv(copies))
        graded_at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        write_whole(out / PAGE, render_page(rows, copies, self._discovery.others, self._rubric, graded_at))
        now = time.monotonic()
        self._due = now + max(_WRITE_INTERVAL, _WRITE_SHARE * (now - begun))
        return rows, copies


def _summary(
    options: ClassOptions,
    discovery: Discovery,
    rows: Sequence[Row],
    copies: Sequence[Copy],
    store: Store,
    seconds: float,
) -> Iterator[str]:
    yield f"Done in {duration(seconds)}."
    undecided = [row for row in rows if row.found and row.record and row.score is None]
    for row in undecided[:10]:
        yield f"  no mark: {row.submission}: {row.note}"
    if undecided:
        yield f"  Look at {'it' if len(undecided) == 1 else 'these'} yourself. ONLY=error (--only error) grades again."
    for other in discovery.others[:10]:
        yield f"  no submission: {other.name}: {other.why}"
    if len(discovery.others) > 10:
        yield f"  and {len(discovery.others) - 10} more; the class page lists them"
    absent = sum(row.found is None for row in rows)
    if absent:
        yield f"  {counted(absent, 'student')} of the roster without a submission"
    if copies:
        yield f"  {counted(len(copies), 'sign')} of copied work: see {COPIES}, or the class page"
    twice = several_marks(rows)
    if twice:
        shown = f"{', '.join(twice[:10])}{', ...' if twice[10:] else ''}"
        yield f"  more than one submission, so not in {CANVAS} and {MOODLE}: {shown}"
    strangers = store.strangers({found.folder for found in discovery.submissions})
    if strangers:
        yield f"  {options.out} still has results of submissions that are gone: {', '.join(strangers[:10])}"
    yield f"Class page: {options.out / PAGE}"
    yield f"Gradebook: {options.out / GRADEBOOK}, {CANVAS} for Canvas, {MOODLE} for Moodle."
    yield f"Reports of each student: {options.out}/<submission>/"


def default_workers(mode: Mode) -> int:
    """As many as this process's cores and the free memory allow."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = int(cores * mode.per_core)
    fitting = psutil.virtual_memory().available // mode.bytes_each if mode.bytes_each else wanted
    return max(1, min(wanted, int(fitting)))


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Keep other class runs out of OUT. The lock ends with the process, however it ends."""
    (out / STORE).mkdir(exist_ok=True)
    with (out / STORE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ClassError(
                f"{out}: another class run writes there. Wait for it, or name another folder with --out or OUT="
            ) from None
        yield
