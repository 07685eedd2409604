"""The grader as a library: what it grades, what it raises, and that it prints nothing."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.errors import KitError
from grader.api import UsageError, grade, reports_folder, unfinished
from grader.builder import CONFIG, ROLLNUMBER, Submission
from grader.evidence.database import Database
from grader.grading import FIGURES
from grader.limits import Limits
from grader.model import Finding, Report, Status
from grader.rubric import DEFAULT_RUBRIC


@pytest.fixture
def submission(tmp_path: Path) -> Submission:
    return Submission(tmp_path / "asha")


def finding(report: Report, check_id: str) -> Finding:
    return next(finding for finding in report.findings if finding.id == check_id)


def test_a_folder(submission: Submission, capsys: pytest.CaptureFixture[str]) -> None:
    with grade(submission.build(), database="off") as graded:
        assert graded.report.submission == "asha"
        assert graded.report.verdict == "pass"
        assert graded.report.facts["rows"] == 20
        assert graded.evidence.lake.figures.rows == 20
    assert capsys.readouterr() == ("", "")
    assert not (submission.folder / "reports").exists()


def test_an_archive_is_there_as_long_as_the_context(
    submission: Submission, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "ravi"), "zip", submission.build()))
    with grade(archive, database="off") as graded:
        unpacked = graded.evidence.locations.lake
        assert isinstance(unpacked, Path)
        assert unpacked.is_dir()
        assert not unpacked.is_relative_to(tmp_path / "asha")
    assert not unpacked.exists()
    assert (graded.report.submission, graded.report.verdict) == ("ravi", "pass")
    assert reports_folder(archive) == tmp_path / "ravi-reports"
    assert capsys.readouterr() == ("", "")


def test_what_the_body_raises_removes_the_unpacked_files_and_is_not_changed(
    submission: Submission, tmp_path: Path
) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "ravi"), "zip", submission.build()))
    folders: list[Path] = []

    def break_off() -> None:
        with grade(archive, database="off") as graded:
            folders.append(graded.evidence.config.root)
            raise LookupError("of the caller")

    with pytest.raises(LookupError, match="of the caller"):
        break_off()
    assert not folders[0].exists()


def test_the_own_project(submission: Submission, capsys: pytest.CaptureFixture[str]) -> None:
    config = submission.build() / CONFIG
    with grade(None, config=config, database="off") as graded:
        assert graded.report.submission == ROLLNUMBER
        assert graded.report.verdict == "pass"
    assert reports_folder(None, config) == submission.folder / "reports"
    assert capsys.readouterr() == ("", "")


def test_an_own_project_in_which_nothing_ran_is_graded_too(submission: Submission) -> None:
    root = submission.build()
    for name in ("datalake", "checkpoints", "state"):
        shutil.rmtree(root / name)
    with grade(None, config=root / CONFIG, database="off") as graded:
        assert graded.evidence.is_empty
        assert graded.report.verdict == "fail"


def test_a_database_that_is_given_is_the_one_compared_with(submission: Submission) -> None:
    submission.lose(4)
    with grade(submission.build(), database=submission.database()) as graded:
        assert finding(graded.report, "no_missing_orders").status is Status.FAIL
    with grade(submission.folder, database=Database(None, "not today")) as graded:
        assert finding(graded.report, "no_missing_orders").actual == "no evidence: not today"


def test_strict_and_rubric(submission: Submission, tmp_path: Path) -> None:
    rubric = tmp_path / "rubric.yml"
    rubric.write_text(DEFAULT_RUBRIC.read_text().replace("partial: 0.5", "partial: 0"))
    with grade(submission.build(), database="off", rubric=rubric, strict=True) as graded:
        assert finding(graded.report, "no_missing_orders").status is Status.FAIL
    with grade(submission.folder, database="off") as other:
        assert other.report.rubric_sha256 != graded.report.rubric_sha256


def test_each_step_is_reported_before_it_begins(submission: Submission) -> None:
    steps: list[str] = []
    with grade(submission.build(), database="off", on_step=steps.append) as graded:
        assert steps[-1] == FIGURES
        assert sorted(steps[:-1]) == sorted(finding.id for finding in graded.report.findings)


class SlowDatabase(Database):
    """One that answers too late."""

    @property
    def orders(self) -> None:
        time.sleep(30)


@pytest.mark.slow
def test_a_step_beyond_its_time_is_an_error_that_costs_nothing(submission: Submission) -> None:
    begun = time.monotonic()
    with grade(submission.build(), database=SlowDatabase(None), limits=Limits(step_seconds=0.5)) as graded:
        late = finding(graded.report, "no_missing_orders")
        assert (late.status, late.points) == (Status.ERROR, 0)
        assert late.actual == "the grading did not end: not done within 0.5 s; for more time use --time-limit"
        assert graded.report.score == graded.report.max_score
        time.sleep(0.7)  # no limit holds for the caller
    assert time.monotonic() - begun < 30
    with grade(submission.folder, database="off", limits=Limits(step_seconds=60)) as graded:
        assert graded.report.verdict == "pass"


def many_roots_differ(tmp_path: Path, build: Callable[[Submission], None]) -> str:
    submission = Submission(tmp_path)
    build(submission)
    with grade(submission.build(), database="off") as graded:
        return graded.report.verdict


def test_one_after_the_other_do_not_touch_each_other(tmp_path: Path) -> None:
    verdicts = [
        many_roots_differ(tmp_path / str(n), (lambda s: s.lose(18)) if n % 2 else (lambda _: None)) for n in range(4)
    ]
    assert verdicts == ["pass", "fail", "pass", "fail"]


def call_without_folder(tmp_path: Path) -> None:
    with grade(tmp_path / "nowhere"):
        pass


def call_with_a_text_file(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with grade(tmp_path / "notes.txt"):
        pass


def call_without_config(tmp_path: Path) -> None:
    with grade(tmp_path, config=tmp_path / "nowhere.yml"):
        pass


def call_without_rubric(tmp_path: Path) -> None:
    with grade(tmp_path, rubric=tmp_path / "nowhere.yml"):
        pass


def call_with_a_wrong_own_config(tmp_path: Path) -> None:
    (tmp_path / "x.yml").write_text("rollnumber: [")
    with grade(None, config=tmp_path / "x.yml"):
        pass


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (call_without_folder, "nowhere: no such folder. Name the folder"),
        (call_with_a_text_file, r"notes.txt: neither a folder nor an archive \(.zip"),
        (call_without_config, "nowhere.yml: no such config file. Name one"),
        (call_without_rubric, "nowhere.yml: cannot be read"),
        (call_with_a_wrong_own_config, "x.yml"),
    ],
)
def test_bad_calls_raise(
    call: Callable[[Path], None], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KitError, match=message) as raised:
        call(tmp_path)
    if call is not call_with_a_wrong_own_config:  # the settings' own error, as every command has it
        assert raised.value.exit_code == UsageError.exit_code == 2
    assert capsys.readouterr() == ("", "")


def test_a_damaged_archive_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_text("x")
    with grade(tmp_path / "x.zip") as graded:
        assert (graded.report.submission, graded.report.verdict) == ("x", "fail")
        assert "x.zip is damaged" in (finding(graded.report, "config_valid").actual or "")


def test_a_grading_that_did_not_end_has_a_report(tmp_path: Path) -> None:
    report = unfinished(tmp_path / "asha", "at lake_readable, it took too long")
    assert (report.submission, report.verdict, report.facts) == ("asha", "error", {})
    assert {finding.status for finding in report.findings} == {Status.ERROR}
    assert reports_folder(tmp_path / "asha") == tmp_path / "asha" / "reports"
