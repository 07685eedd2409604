"""The workflow is one that GitHub accepts, and its commands do what their names say, in a shell as GitHub's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from configs.settings import PROJECT
from grader.builder import CONFIG, Submission
from scripts.platforms.__main__ import main
from scripts.platforms.github_classroom import write_workflow

pytestmark = pytest.mark.slow
WORKFLOW = ".github/workflows/grade.yml"
GRADING = ("Grade", "Write the summary", "Marks")


def steps(folder: Path) -> dict[str, dict[str, Any]]:
    """Name -> step."""
    workflow = yaml.safe_load((folder / WORKFLOW).read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    return {step["name"]: step for step in job["steps"] if "name" in step}


@pytest.fixture
def repository(tmp_path: Path) -> Callable[..., Path]:
    """A student's repository: the kit's files, the workflow, and the evidence of three rounds."""

    def make(change: Callable[[Submission], None] = lambda _: None) -> Path:
        folder = tmp_path / "repository"
        listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
        for name in listed.splitlines():
            if not name.startswith(("tests/", "docs/")):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT / name, folder / name)
        (folder / ".venv").symlink_to(PROJECT / ".venv")
        submission = Submission(folder)
        submission.add_round_3()
        change(submission)
        submission.build()
        config = folder / CONFIG
        config.write_text(config.read_text(encoding="utf-8").replace("5432", "1"), encoding="utf-8")  # nobody's port
        write_workflow(folder)
        return folder

    return make


def run(folder: Path, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A step's command, as GitHub runs one that names no shell: `bash -e FILE`."""
    script = folder.parent / "step.sh"
    script.write_text(steps(folder)[name]["run"], encoding="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.defpath])
    usual = {"PATH": path, "HOME": str(folder.parent), "GITHUB_STEP_SUMMARY": str(folder.parent / "summary.md")}
    return subprocess.run(
        ["bash", "-e", str(script)],
        cwd=folder,
        env={**usual, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_graded_is_in_the_summary_and_passes(repository: Callable[..., Path]) -> None:
    folder = repository()
    outcomes = {name: run(folder, name, MIN_MARKS="20") for name in GRADING}
    assert {name: done.returncode for name, done in outcomes.items()} == dict.fromkeys(GRADING, 0), outcomes
    assert (folder.parent / "summary.md").read_text(encoding="utf-8").startswith("# PASS")
    assert "::notice title=Autograding complete::Points 20/20" in outcomes["Marks"].stdout
    assert '{"totalPoints": 20.0, "maxPoints": 20.0}' in outcomes["Marks"].stdout


def test_too_few_marks_fail_at_the_last_step(repository: Callable[..., Path]) -> None:
    folder = repository(lambda one: one.lose(14))
    assert run(folder, "Grade").returncode == 0
    assert run(folder, "Write the summary").returncode == 0
    assert (folder.parent / "summary.md").read_text(encoding="utf-8").startswith("# FAIL")
    report = json.loads((folder / "reports" / "report.json").read_text(encoding="utf-8"))
    failed = run(folder, "Marks", MIN_MARKS="20")
    assert failed.returncode == 1
    assert f"::error::{report['score']:g} of 20 marks, and 20 are asked for" in failed.stdout
    assert run(folder, "Marks", MIN_MARKS="10").returncode == 0


def test_without_a_report_the_last_step_says_so(tmp_path: Path) -> None:
    write_workflow(tmp_path / "repository")
    assert run(tmp_path / "repository", "Write the summary").returncode == 0
    done = run(tmp_path / "repository", "Marks")
    assert (done.returncode, "the pipeline did not come as far" in done.stdout) == (1, True)
    assert run(tmp_path / "repository", "Marks", MIN_MARKS="all").returncode == 2


def test_a_grader_that_could_not_decide_gives_no_pass(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    write_workflow(folder)
    (folder / "reports").mkdir()
    report = {"score": 20, "max_score": 20, "verdict": "error"}
    (folder / "reports" / "report.json").write_text(json.dumps(report), encoding="utf-8")
    assert run(folder, "Marks", MIN_MARKS="0").returncode == 1


def test_every_verb_of_the_workflow_is_there() -> None:
    write = (PROJECT / "scripts" / "platforms" / "workflow" / "grade.yml").read_text(encoding="utf-8")
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    used = {
        verb
        for line in write.splitlines()
        if "run: make " in line
        for verb in line.partition("make ")[2].partition("||")[0].partition(">")[0].split()
    }
    assert {"setup", "round3", "grade", "down"} <= used
    assert [verb for verb in used if f"\n{verb}: ## " not in makefile] == []


def test_it_is_a_workflow_by_the_schema(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path / "packages")]
    done = subprocess.run(
        [*command, "-r", str(PROJECT / "requirements-platforms.txt")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (schema,) = (tmp_path / "packages").rglob("vendor/github-workflows.json")
    write_workflow(tmp_path)
    workflow = yaml.safe_load((tmp_path / WORKFLOW).read_text(encoding="utf-8"))
    workflow["on"] = workflow.pop(True)  # YAML 1.1 reads `on` as true; GitHub does not
    validator = jsonschema.Draft7Validator(json.loads(schema.read_text(encoding="utf-8")))
    assert [error.message for error in validator.iter_errors(workflow)] == []
    workflow["jobs"]["run-autograding-tests"].pop("runs-on")
    assert list(validator.iter_errors(workflow))


def test_out_must_be_given(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("OUT", raising=False)
    assert main(["github-classroom"]) == 1
    assert "OUT is missing: name the folder" in capsys.readouterr().err


def test_both_files_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUT", str(tmp_path))
    assert main(["github-classroom"]) == 0
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        WORKFLOW,
        ".github/marks.py",
    }
