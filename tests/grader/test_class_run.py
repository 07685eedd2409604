"""A class is graded as its submissions one by one would be, and nothing of it is lost, whatever happens."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from configs.settings import PROJECT
from grader import api
from grader.__main__ import main
from grader.builder import CHECKPOINT, CONFIG, LAKE, MOMENT, ROLLNUMBER, Submission, order
from grader.class_run import command
from grader.class_run.command import ClassOptions, Mode, run_class
from grader.class_run.discovery import Found
from grader.class_run.evidence_workers import EvidenceOptions, EvidenceWorkers
from grader.class_run.progress import Progress
from grader.class_run.task import Graded, GradeOne
from grader.renderers.files import write_reports
from grader.rubric import DEFAULT_RUBRIC
from scripts.classroom.__main__ import class_arguments

pytestmark = pytest.mark.slow


def student(class_: Path, number: int, change: Callable[[Submission], None] = lambda _: None) -> Path:
    """A submission of its own, with the roll number 2025em11000<number>."""
    rollnumber = f"2025em11000{number:02}"
    submission = Submission(class_ / rollnumber)
    change(submission)
    folder = submission.build()
    config = folder / CONFIG
    config.write_text(config.read_text().replace(f"rollnumber: {ROLLNUMBER}", f"rollnumber: {rollnumber}"))
    return folder


MISTAKES: tuple[Callable[[Submission], None], ...] = (
    lambda _: None,
    lambda one: one.lose(14),
    lambda one: one.append_batch(one.rows[-2:]),
    lambda one: one.change_in_lake(3, amount="-5.00"),
    lambda one: one.remove("state/food/*/*.txt"),
    lambda one: one.edit(lambda root: shutil.rmtree(root / CHECKPOINT)),
)


@pytest.fixture
def class_(tmp_path: Path) -> Path:
    """Eight submissions, of which two are packed, and things that are none."""
    folder = tmp_path / "class"
    for number in range(8):
        student(folder, number, MISTAKES[number % len(MISTAKES)])
    for number in (6, 7):
        one = folder / f"2025em11000{number:02}"
        shutil.make_archive(str(one), "zip", one)
        shutil.rmtree(one)
    (folder / "broken.zip").write_bytes(b"no zip")
    (folder / "notes.txt").write_text("x")
    return folder


def grade(class_: Path, out: Path, *options: str) -> int:
    return main(["class", str(class_), "--out", str(out), "--workers=1", *options])


def book(out: Path) -> list[dict[str, str]]:
    with (out / "gradebook.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def without_seconds(out: Path) -> list[dict[str, str]]:
    return [{**row, "seconds": ""} for row in book(out)]


def test_the_verdicts_are_those_of_one_by_one_for_any_number_of_workers(class_: Path, tmp_path: Path) -> None:
    assert grade(class_, tmp_path / "one", "--workers", "1") == 0
    assert grade(class_, tmp_path / "three", "--workers", "3") == 0
    assert without_seconds(tmp_path / "one") == without_seconds(tmp_path / "three")
    rows = {row["submission"]: row for row in book(tmp_path / "one")}
    assert set(rows) == {path.name for path in class_.iterdir()} - {"notes.txt"}
    for name, row in rows.items():
        with api.grade(class_ / name, database="off") as graded:
            report = graded.report
        assert (row["verdict"], float(row["score"])) == (report.verdict, report.score)
        failed = {check for check, word in row.items() if word == "FAIL"}
        assert failed == {
            finding.id for finding in report.findings if finding.status.value == "FAIL" and not finding.is_advice
        }
    assert {row["verdict"] for row in rows.values()} == {"pass", "fail"}


def test_each_student_gets_reports_with_no_other_student_in_them(class_: Path, tmp_path: Path) -> None:
    grade(class_, tmp_path / "out")
    folders = {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} - {".class"}
    assert folders == {f"2025em11000{number:02}" for number in range(8)} | {"broken"}
    for folder in folders:
        files = {path.name for path in (tmp_path / "out" / folder).iterdir()}
        assert files == {"report.html", "report.json", "report.md", "report.xml", "results.json"}
        text = "".join(path.read_text() for path in (tmp_path / "out" / folder).iterdir())
        assert [other for other in folders - {folder} if other in text] == []
        assert str(tmp_path) not in text


def test_a_second_run_grades_what_is_new_or_changed_only(class_: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    grade(class_, out)
    before = times(out)
    student(class_, 30)
    (class_ / "2025em1100002" / "late.txt").write_text("x")
    (out / "2025em1100003" / "report.json").write_text("")  # as a power failure can leave it
    grade(class_, out)
    after = times(out)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"2025em1100030", "2025em1100002", "2025em1100003"}
    assert json.loads((out / "2025em1100003" / "report.json").read_text())["verdict"] == "fail"


def times(out: Path) -> dict[str, int]:
    return {path.stem: path.stat().st_mtime_ns for path in (out / ".class" / "results").glob("*.json")}


def test_another_rubric_grades_all_again(class_: Path, tmp_path: Path) -> None:
    out, rubric = tmp_path / "out", tmp_path / "rubric.yml"
    grade(class_, out)
    before = times(out)
    rubric.write_text(DEFAULT_RUBRIC.read_text().replace("partial: 0.5", "partial: 0"))
    grade(class_, out, "--rubric", str(rubric))
    after = times(out)
    assert all(after[name] != before[name] for name in before)


@pytest.mark.parametrize(
    ("only", "graded"),
    [
        ("failed", {"2025em1100001", "2025em1100002", "2025em1100003", "2025em1100004", "2025em1100005"}
         | {"2025em1100007", "broken"}),
        ("error", set()),
        ("2025EM1100004", {"2025em1100004"}),
    ],
)  # fmt: skip
def test_only(class_: Path, tmp_path: Path, only: str, graded: set[str]) -> None:
    out = tmp_path / "out"
    grade(class_, out)
    before, rows = times(out), without_seconds(out)
    assert grade(class_, out, "--only", only) == 0
    after = times(out)
    assert {name for name in after if after[name] != before[name]} == graded
    assert without_seconds(out) == rows


def test_only_names_what_is_not_there(class_: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert grade(class_, tmp_path / "out", "--only", "2025em99") == 2
    assert "no submission has this roll number" in capsys.readouterr().err


def test_a_run_that_is_killed_goes_on_where_it_was(class_: Path, tmp_path: Path) -> None:
    """kill -9 in the middle. What had a result keeps it, and the end is that of a run that nothing disturbed."""
    for number in range(40, 70):
        shutil.copytree(class_ / "2025em1100001", class_ / f"2025em11000{number}")
    grade(class_, tmp_path / "calm")
    out = tmp_path / "out"
    arguments = [sys.executable, "-m", "grader", "class", str(class_), "--out", str(out), "--workers", "2"]
    with subprocess.Popen(arguments, cwd=PROJECT, stdout=subprocess.DEVNULL, start_new_session=True) as run:
        _wait_for(lambda: len(times(out)) >= 5)
        os.kill(run.pid, signal.SIGKILL)
    kept = times(out)
    assert 5 <= len(kept) < 39
    assert grade(class_, out) == 0, "at once: the workers of the killed run may still write"
    _wait_for(lambda: not _workers_of(out))
    assert {name: times(out)[name] for name in kept} == kept
    assert without_seconds(out) == without_seconds(tmp_path / "calm")


def test_ctrl_c_ends_a_run_and_keeps_what_was_graded(class_: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = [sys.executable, "-m", "grader", "class", str(class_), "--out", str(out), "--workers=2"]
    with subprocess.Popen(arguments, cwd=PROJECT, stderr=subprocess.PIPE, text=True, start_new_session=True) as run:
        _wait_for(lambda: len(times(out)) >= 3)
        os.kill(run.pid, signal.SIGINT)
        _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "goes on where it was" in said
    assert len(book(out)) == 9, "the gradebook has every row, with or without a mark"
    shown = {row["submission"].removesuffix(".zip") for row in book(out) if row["verdict"]}
    kept = set(times(out))
    assert shown <= kept, "each worker can keep one more result after the gradebook was written"
    assert len(kept - shown) <= 2
    assert not _workers_of(out)


def test_a_run_that_is_stopped_waits_for_no_grading_and_keeps_none(class_: Path, tmp_path: Path) -> None:
    release, raise_in_main = threading.Event(), threading.Event()

    @contextmanager
    def open_one(*_: object) -> Iterator[GradeOne]:
        yield grade_one

    def grade_one(found: Found, out: Path) -> Graded:
        if found.name == "2025em1100000":
            assert release.wait(120)
        if found.name == "2025em1100001":
            raise_in_main.set()
        return Graded(1.0, problem="x")

    def show(_: Progress) -> None:
        if raise_in_main.is_set():
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Progress, "show", show)
        with pytest.raises(KeyboardInterrupt):
            run_class(ClassOptions(class_, tmp_path / "out", workers=2), Mode("test", open_one, 0))
    release.set()
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join(120)
    assert "2025em1100000" not in times(tmp_path / "out")


def _wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def _workers_of(out: Path) -> list[str]:
    """The command lines of workers whose scratch folder is in `out`."""
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if "class_run.worker" in line and str(out) in line]


def test_two_runs_do_not_write_into_one_folder(class_: Path, tmp_path: Path) -> None:
    options = ClassOptions(class_, tmp_path / "out")
    inner: list[str] = []

    def grade_one(found: Found, out: Path) -> Graded:
        try:
            run_class(options, Mode("inner", lambda *_: nullcontext(grade_one), 0))
        except command.ClassError as error:
            inner.append(str(error))
        return Graded(0.0, problem="x")

    run_class(options, Mode("outer", lambda *_: nullcontext(grade_one), 0))
    assert "another class run writes there" in inner[0]


@dataclass
class Machine:
    """A `GradeOne` that ends as planned: submission -> one plan for each try."""

    plans: Mapping[str, list[str]]
    tries: list[tuple[str, int]] = field(default_factory=list)
    running: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, found: Found, out: Path) -> Graded:
        with self._lock:
            self.running += 1
        try:
            return self._grade(found, out)
        finally:
            with self._lock:
                self.running -= 1

    def _grade(self, found: Found, out: Path) -> Graded:
        plan = self.plans.get(found.name, ["graded"]).pop(0)
        self.tries.append((found.name, self.running))
        if plan == "busy":
            return Graded(1.0, problem="at lake_schema, it was not done within 1 s", is_machine_fault=True)
        if plan == "bug":
            raise KeyError("x")
        if plan != "nothing":
            with api.grade(found.path, database="off") as graded:
                write_reports(graded.report, graded.evidence, out, "2025-11-20T08:00:00Z")
        return Graded(1.0, producer="ran", consumer="ended after 3 s", note="no load")


def test_a_grading_that_fails_costs_its_submission_only_and_never_marks(class_: Path, tmp_path: Path) -> None:
    machine = Machine(
        {
            "2025em1100000": ["busy", "graded"],
            "2025em1100001": ["busy", "busy"],
            "2025em1100002": ["bug"],
            "2025em1100003": ["nothing"],
        }
    )
    options = ClassOptions(class_, tmp_path / "out", workers=3)
    assert run_class(options, Mode("test", lambda *_: nullcontext(machine), 0)) == 2
    rows = {row["submission"]: row for row in book(tmp_path / "out")}
    marks = {name: (row["verdict"], row["score"]) for name, row in rows.items() if row["verdict"] == "error"}
    assert marks == dict.fromkeys(("2025em1100001", "2025em1100002", "2025em1100003"), ("error", ""))
    assert "not done within 1 s" in rows["2025em1100001"]["note"]
    assert "the grader broke: KeyError" in rows["2025em1100002"]["note"]
    assert "it wrote no report" in rows["2025em1100003"]["note"]
    assert rows["2025em1100000"]["verdict"] == "pass"
    assert "graded again alone" in rows["2025em1100000"]["note"]
    assert (rows["2025em1100000"]["producer"], rows["2025em1100000"]["consumer"]) == ("ran", "ended after 3 s")
    # They come in the order in which the first tries ended.
    assert sorted(machine.tries[-2:]) == [("2025em1100000", 1), ("2025em1100001", 1)], (
        "the second try is alone, at the end"
    )
    canvas = (tmp_path / "out" / "canvas.csv").read_text()
    assert "2025em1100000" in canvas
    assert "2025em1100001" not in canvas, "an empty mark would delete the one in Canvas"
    report = json.loads((tmp_path / "out" / "2025em1100001" / "report.json").read_text())
    assert report["verdict"] == "error"


def test_errors_are_graded_again_with_only_error(class_: Path, tmp_path: Path) -> None:
    options = ClassOptions(class_, tmp_path / "out")
    broken = Mode("test", lambda *_: nullcontext(Machine({"2025em1100000": ["bug"]})), 0)
    assert run_class(options, broken) == 2
    again = Machine({})
    assert run_class(options, Mode("test", lambda *_: nullcontext(again), 0)) == 2
    assert again.tries == []
    whole = Mode("test", lambda *_: nullcontext(again), 0)
    assert run_class(ClassOptions(class_, tmp_path / "out", only="error"), whole) == 0
    assert [name for name, _ in again.tries] == ["2025em1100000"]


def test_a_worker_that_hangs_or_dies_is_replaced(class_: Path, tmp_path: Path) -> None:
    """A Parquet file of a few kilobytes with 200 million rows takes all memory; the next one is graded."""
    huge = class_ / "2025em1100001" / LAKE / "date=2025-11-18" / "huge.parquet"
    _write_many_rows(huge)
    options = EvidenceOptions(DEFAULT_RUBRIC, time_limit=60, max_bytes=400 << 20)
    with EvidenceWorkers(options, 1, tmp_path / "scratch") as grade_one:
        bomb = Found(class_ / "2025em1100001", "bomb", "bomb", "")
        calm = Found(class_ / "2025em1100000", "calm", "calm", "")
        first = grade_one(bomb, tmp_path / "bomb")
        second = grade_one(calm, tmp_path / "calm")
    assert first.problem is not None
    assert "400 MiB" in first.problem
    assert first.is_machine_fault
    assert second.problem is None
    assert json.loads((tmp_path / "calm" / "report.json").read_text())["verdict"] == "pass"
    assert not list((tmp_path / "scratch").glob("worker*/*"))


def _write_many_rows(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    one = pa.array([b"x"], pa.binary()).dictionary_encode()
    column = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), 2_000_000), one.dictionary)
    with pq.ParquetWriter(path, pa.schema([("order_id", column.type)])) as writer:
        for _ in range(100):
            writer.write_table(pa.table({"order_id": column}))


def test_a_submission_of_several_students_has_no_mark_and_says_so(class_: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(class_ / "2025em1100050.zip", "w") as both:
        for number in (0, 1):
            folder = class_ / f"2025em11000{number:02}"
            for path in folder.rglob("*"):
                both.write(path, path.relative_to(class_))
    assert grade(class_, tmp_path / "out") == 2
    (row,) = (row for row in book(tmp_path / "out") if row["submission"] == "2025em1100050.zip")
    assert (row["verdict"], row["score"]) == ("error", "")
    assert "contains 2 submissions" in row["note"]
    assert str(tmp_path) not in row["note"]


def test_the_roster_has_a_row_for_everybody(class_: Path, tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text(
        "Student,ID,SIS User ID,SIS Login ID,Section\n"
        "=cmd|calc,101,2025em1100000,a@x,A\nLee Ann,102,2025em1100099,b@x,A\nNot There,103,2025em1100098,c@x,B\n"
    )
    (class_ / "leeann_102_9001_essay.pdf").write_bytes(b"pdf")
    grade(class_, tmp_path / "out", "--roster", str(roster), "--assignment", "Orders (99)")
    absent = {row["rollnumber"]: row for row in book(tmp_path / "out") if not row["submission"]}
    assert absent["2025em1100098"]["note"] == "no submission"
    assert absent["2025em1100099"]["note"] == "no submission; there is leeann_102_9001_essay.pdf"
    assert all(row["score"] == "" for row in absent.values())
    with (tmp_path / "out" / "canvas.csv").open(encoding="utf-8", newline="") as file:
        head, points, *rows = csv.reader(file)
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Orders (99)"]
    assert points == ["    Points Possible", "", "", "", "", "20"]
    assert ["'=cmd|calc", "101", "2025em1100000", "a@x", "A", "20"] in rows


def test_two_submissions_of_one_student_are_both_graded_and_pointed_out(class_: Path, tmp_path: Path) -> None:
    shutil.copytree(class_ / "2025em1100000", class_ / "second try" / "project")
    grade(class_, tmp_path / "out")
    rows = [row for row in book(tmp_path / "out") if row["rollnumber"] == "2025em1100000"]
    assert [row["submission"] for row in rows] == ["2025em1100000", "second try"]
    assert all("one of 2 submissions of this roll number" in row["note"] for row in rows)
    assert "2025em1100000" not in (tmp_path / "out" / "canvas.csv").read_text()


def test_the_variables_of_make_are_the_options_of_the_command() -> None:
    variables = {"SUBMISSIONS": "a b", "OUT": "x", "WORKERS": "2", "ONLY": "failed", "ROSTER": "", "PATH": "/bin"}
    assert class_arguments(variables) == ["class", "--out=x", "--workers=2", "--only=failed", "--", "a b"]


def test_hostile_names_reach_no_report_and_no_gradebook_as_they_are(tmp_path: Path) -> None:
    class_ = tmp_path / "class"
    student(class_, 1, lambda one: one.insert([order(99, MOMENT)])).rename(class_ / "=1+1\n\x1b[31m")
    student(class_, 2).rename(class_ / os.fsdecode(b"caf\xe9 <script>"))
    assert grade(class_, tmp_path / "out") == 0
    names = [row["submission"] for row in book(tmp_path / "out")]
    assert names == ["'=1+1\\n\\x1b[31m", "caf\\udce9 <script>"]
    assert "<script> " not in (tmp_path / "out" / "index.html").read_text()
