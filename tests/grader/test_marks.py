"""Marks: parts of them where a check counts something, the same each time, and none that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.builder import Submission
from grader.checks import all_checks
from grader.grading import judge_checks
from grader.model import Finding, Mismatch, Report, Status, Unjudged
from grader.renderers import gradescope, html, junit, markdown, terminal
from grader.renderers import json as json_renderer
from grader.rubric import DEFAULT_RUBRIC, RubricError, load_rubric
from grader.selftest.corpus import grade_submission

AT = "2025-11-20T08:00:00Z"


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


def marked(unjudged: Unjudged, *findings: tuple[Status, float, float]) -> Report:
    """A report with checks (status, points, max_points); a SKIP lacks evidence."""
    actual = {Status.SKIP: "no evidence: no database", Status.ERROR: "the grader broke: ValueError: x"}
    made = tuple(
        Finding(f"c{at}", "Title.", status, points, most, None, actual.get(status), (), "Do this.", "Why.")
        for at, (status, points, most) in enumerate(findings)
    )
    return Report("s", "0", "a" * 64, {}, made, unjudged=unjudged)


HALF = ((Status.PASS, 10.0, 10.0), (Status.FAIL, 3.0, 6.0), (Status.SKIP, 0.0, 4.0))
ALL_KINDS = ((Status.PASS, 8.0, 8.0), (Status.FAIL, 0.0, 8.0), (Status.SKIP, 0.0, 2.0), (Status.ERROR, 0.0, 2.0))
RULES: dict[Unjudged, tuple[tuple[float, float], tuple[float, float], str]] = {
    "scale": ((16.25, 20), (10, 20), "The mark is 13 of 16, scaled to 16.25 of 20"),
    "zero": ((13, 20), (8.88, 20), "Without evidence they count as 0"),
    "exclude": ((13, 16), (8, 16), "the mark is of 16, not of 20"),
}


@pytest.mark.parametrize("unjudged", RULES)
def test_what_could_not_be_judged_is_marked_by_the_rule_and_every_format_says_so(unjudged: Unjudged) -> None:
    report, other = marked(unjudged, *HALF), marked(unjudged, *ALL_KINDS)
    (marks, other_marks, sentence) = RULES[unjudged]
    assert (report.score, report.max_score) == marks
    assert (other.score, other.max_score) == other_marks  # the grader's own mistake never costs marks
    formats = [renderer.render(report, AT) for renderer in (json_renderer, markdown, junit, gradescope, html)]
    for text in (*formats, terminal.render(report)):
        assert sentence in " ".join(text.split()).replace("\\", "")
        assert "4 of 20 marks could not be judged" in " ".join(text.split())


@pytest.mark.parametrize("unjudged", RULES)
def test_a_report_in_which_all_was_judged_has_no_such_sentence(unjudged: Unjudged) -> None:
    report = marked(unjudged, *HALF[:2])
    assert (report.score, report.max_score) == (13, 16)
    assert "could not be judged" not in terminal.render(report) + gradescope.render(report, AT)


def test_scaling_never_rounds_a_lost_mark_away() -> None:
    report = marked("scale", (Status.FAIL, 15.99, 16.0), (Status.SKIP, 0.0, 1000.0))
    assert report.score < report.max_score
    assert marked("scale", (Status.PASS, 0.3, 0.3), (Status.SKIP, 0.0, 0.4)).score == 0.7


@pytest.mark.parametrize(("unjudged", "max_score"), [("scale", 0), ("zero", 4), ("exclude", 0)])
def test_where_nothing_could_be_judged_nothing_is_given(unjudged: Unjudged, max_score: float) -> None:
    report = marked(unjudged, (Status.SKIP, 0.0, 4.0))
    assert (report.score, report.max_score) == (0, max_score)
    assert "could be judged" in terminal.render(report) or "count as 0" in terminal.render(report)


def test_the_rubric_says_the_rule(tmp_path: Path) -> None:
    path = tmp_path / "rubric.yml"
    text = DEFAULT_RUBRIC.read_text()
    assert load_rubric(DEFAULT_RUBRIC, all_checks()).unjudged == "scale"
    path.write_text(text.replace("unjudged: scale\n", ""))
    assert load_rubric(path, all_checks()).unjudged == "scale"
    path.write_text(text.replace("unjudged: scale\n", "unjudged: zero\n"))
    checks = all_checks()
    submission = Submission(tmp_path / "submission", has_database=False)
    submission.build()
    report = judge_checks(submission.evidence(), "s", checks, load_rubric(path, checks))
    assert report.verdict == "pass"
    assert report.score < report.max_score == 20
    path.write_text(text.replace("unjudged: scale\n", "unjudged: drop\n"))
    with pytest.raises(RubricError, match="unjudged is 'drop'; expected scale, zero or exclude"):
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
