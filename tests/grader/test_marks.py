"""Marks: parts of them where a check counts something, the same each time, and none that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.builder import Submission
from grader.checks import all_checks
from grader.grading import judge_checks
from grader.model import Finding, Mismatch, Report, Status
from grader.renderers import json as json_renderer
from grader.rubric import DEFAULT_RUBRIC, RubricError, load_rubric
from grader.selftest.corpus import grade_submission


def finding(report: Report, check_id: str) -> Finding:
    return next(finding for finding in report.findings if finding.id == check_id)


def test_a_check_that_counts_keeps_a_share_of_its_part(tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    submission.lose(4)
    submission.build()
    missing = finding(grade_submission(submission), "no_missing_orders")
    assert missing.status is Status.FAIL
    assert missing.points == 0.95  # 2 marks * 0.5 * 19 of 20


def test_a_check_that_does_not_count_keeps_nothing(tmp_path: Path) -> None:
    submission = Submission(tmp_path, state="2025-11-20T00:00:00.000000Z")
    submission.build()
    assert finding(grade_submission(submission), "state_matches_newest_order").points == 0


def test_one_wrong_row_of_a_million_costs_something() -> None:
    assert Mismatch("a", "b", right=999_999, total=1_000_000).share < 1


@pytest.mark.parametrize(
    ("right", "total", "share"), [(None, None, 0.0), (0, 0, 0.0), (5, 4, 1.0), (-1, 4, 0.0), (1, 4, 0.25)]
)
def test_share(right: int | None, total: int | None, share: float) -> None:
    assert Mismatch("a", "b", right=right, total=total).share == share


@pytest.mark.parametrize("value", ["1.5", "-1", "half", "true"])
def test_partial_that_is_no_share(value: str, tmp_path: Path) -> None:
    path = tmp_path / "rubric.yml"
    path.write_text(DEFAULT_RUBRIC.read_text().replace("partial: 0.5", f"partial: {value}"))
    with pytest.raises(RubricError, match="expected a number from 0 to 1"):
        load_rubric(path, all_checks())


def test_without_partial_a_failed_check_earns_nothing(tmp_path: Path) -> None:
    rubric = tmp_path / "rubric.yml"
    rubric.write_text(DEFAULT_RUBRIC.read_text().replace("partial: 0.5\n", ""))
    submission = Submission(tmp_path / "submission")
    submission.lose(4)
    submission.build()
    checks = all_checks()
    report = judge_checks(submission.evidence(), "s", checks, load_rubric(rubric, checks))
    assert finding(report, "no_missing_orders").points == 0


def test_the_same_evidence_gives_the_same_bytes(tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    submission.add_round_3()
    submission.lose(4, 22)
    submission.append_batch(submission.rows[-3:])
    submission.build()
    texts = {json_renderer.render(grade_submission(submission), "2025-11-20T08:00:00Z") for _ in range(3)}
    assert len(texts) == 1


def test_a_quarantine_outside_the_submission_is_not_read(tmp_path: Path) -> None:
    outside = Submission(tmp_path / "outside")
    outside.add_round_3()
    elsewhere = outside.build() / "datalake" / "orders_quarantine"
    submission = Submission(tmp_path / "inside")
    submission.edit(lambda root: (root / "datalake" / "orders_quarantine").symlink_to(elsewhere))
    submission.build()
    assert not submission.evidence().quarantine.exists
