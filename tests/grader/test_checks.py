"""Every check against the submissions that it must pass and must fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.checks import all_checks
from grader.model import Check, Example, Status
from grader.submission import Submission
from scripts.fidelity.corpus import cases, grade_submission, run_case

CHECKS = all_checks()
CASES = cases()


@pytest.mark.parametrize(("check", "example", "is_mutant"), CASES, ids=[f"{c.id}-{e.name}" for c, e, _ in CASES])
def test_example(check: Check, example: Example, is_mutant: bool, tmp_path: Path) -> None:
    """A mutant fails its check and no other, a correct variant none."""
    outcome = run_case(check, example, is_mutant, tmp_path)
    assert outcome.unexpected == ()


def test_a_correct_submission_passes_every_check(tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    submission.add_round_3()
    submission.build()
    findings = grade_submission(submission).findings
    assert {finding.id: finding.actual for finding in findings if finding.status is not Status.PASS} == {}


@pytest.mark.parametrize("check", CHECKS.values(), ids=str)
def test_every_check_has_a_failing_example_and_documentation(check: Check) -> None:
    assert check.failing, f"{check.id}: add a submission that it must fail, with @{check.id}.fails"
    assert check.title.endswith(".")
    assert check.hint
    assert check.doc, f"{check.id}: say after the first line what it looks at and why it matters"


def test_example_names_are_unique() -> None:
    names = [example.name for _, example, _ in CASES]
    assert sorted(names) == sorted(set(names))
