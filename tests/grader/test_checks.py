"""Every check against the submissions that it must pass and must fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.checks import all_checks
from grader.grading import grade
from grader.model import Check, Example, Finding, Status
from grader.rubric import DEFAULT_RUBRIC, load_rubric
from grader.submission import Submission

CHECKS = all_checks()
RUBRIC = load_rubric(DEFAULT_RUBRIC, CHECKS)
PASSING = [(check, example) for check in CHECKS.values() for example in check.passing]
FAILING = [(check, example) for check in CHECKS.values() for example in check.failing]


def findings_of(submission: Submission) -> dict[str, Finding]:
    submission.build()
    broken: list[str] = []
    report = grade(submission.evidence(), "example", CHECKS, RUBRIC, on_error=broken.append)
    assert not broken, broken[0]
    return {finding.id: finding for finding in report.findings}


def dependents(check_id: str) -> set[str]:
    """The checks that need `check_id`, directly or through another."""
    found: set[str] = set()
    while True:
        more = {c.id for c in CHECKS.values() if {check_id, *found} & set(c.needs)} - found
        if not more:
            return found
        found |= more


def names(pairs: list[tuple[Check, Example]]) -> list[str]:
    return [f"{check.id}-{example.name}" for check, example in pairs]


def test_a_correct_submission_passes_every_check(tmp_path: Path) -> None:
    findings = findings_of(Submission(tmp_path))
    assert {finding.id: finding.actual for finding in findings.values() if finding.status is not Status.PASS} == {}


@pytest.mark.parametrize(("check", "example"), PASSING, ids=names(PASSING))
def test_passing_example(check: Check, example: Example, tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    example.build(submission)
    findings = findings_of(submission)
    assert {f.id: (f.actual, f.samples) for f in findings.values() if f.status is Status.FAIL} == {}
    skipped = [f for f in findings.values() if f.status is Status.SKIP]
    assert all(finding.lacks_evidence for finding in skipped)


@pytest.mark.parametrize(("check", "example"), FAILING, ids=names(FAILING))
def test_failing_example_fails_its_check_and_no_other(check: Check, example: Example, tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    example.build(submission)
    findings = findings_of(submission)
    assert findings[check.id].status is Status.FAIL
    not_passed = {f.id: (f.status.value, f.actual, f.samples) for f in findings.values() if f.status is not Status.PASS}
    skipped_by_it = {f for f in dependents(check.id) if findings[f].status is Status.SKIP}
    skipped_by_others = {
        f
        for other in example.also
        for f in dependents(other)
        if findings[f].status is Status.SKIP and not findings[f].lacks_evidence
    }
    others = set(not_passed) - {check.id} - skipped_by_it - skipped_by_others
    assert others == set(example.also), {name: not_passed.get(name) for name in others ^ set(example.also)}


@pytest.mark.parametrize("check", CHECKS.values(), ids=str)
def test_every_check_has_a_failing_example_and_documentation(check: Check) -> None:
    assert check.failing, f"{check.id}: add a submission that it must fail, with @{check.id}.fails"
    assert check.title.endswith(".")
    assert check.hint
    assert check.doc, f"{check.id}: say after the first line what it looks at and why it matters"


def test_example_names_are_unique_within_a_check() -> None:
    for check in CHECKS.values():
        listed = [example.name for example in (*check.passing, *check.failing)]
        assert len(listed) == len(set(listed))
