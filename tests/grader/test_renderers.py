"""The report's faces against golden files, the schema, and each other."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from grader.checks import all_checks
from grader.documentation import CHECKS_FILE, SCHEMA_FILE, checks_markdown, schema_text
from grader.grading import grade
from grader.model import Finding, Report, Status
from grader.renderers import html, terminal
from grader.renderers import json as json_renderer
from grader.rubric import DEFAULT_RUBRIC, load_rubric
from grader.submission import Submission

GOLDEN = Path(__file__).parent / "golden"
GRADED_AT = "2025-11-20T08:00:00Z"


def finding(status: Status, name: str, points: float = 0, max_points: float = 1, **values: object) -> Finding:
    content = {"expected": None, "actual": None, "samples": (), **values}
    return Finding(name, f"Title of {name}.", status, points, max_points, hint="Do this.", doc="Why.", **content)  # type: ignore[arg-type]


@pytest.fixture
def report() -> Report:
    return sample_report()


def sample_report() -> Report:
    """One finding of each kind."""
    bad = ({"order_id": 7, "amount": "-5.00"}, {"order_id": None, "amount": "<b>"})
    return Report(
        submission="2025em1100471",
        kit_version="0.0.0",
        rubric_sha256="a" * 64,
        facts={"rows": 20, "files": 3, "partitions": {"2025-11-18": 15, "2025-11-19": 5}, "database_rows": None},
        findings=(
            finding(Status.PASS, "passed", points=1.5, max_points=1.5),
            finding(Status.SKIP, "skipped", actual="no evidence: the database was switched off"),
            finding(Status.FAIL, "advised", max_points=0, expected="few files", actual="25 files"),
            finding(Status.ERROR, "broken", actual="the grader broke: ValueError: x"),
            finding(Status.FAIL, "failed", max_points=2, expected="every amount >= 0", actual="2 rows", samples=bad),
        ),
        assumptions=("lake: it was moved",),
    )


@pytest.mark.parametrize("name", ["terminal.txt", "report.json", "report.html"])
def test_golden(name: str, report: Report) -> None:
    """To accept a change: `python -m tests.grader.golden_update`."""
    text = {
        "terminal.txt": lambda: terminal.render(report),
        "report.json": lambda: json_renderer.render(report, GRADED_AT),
        "report.html": lambda: html.render(report, GRADED_AT),
    }[name]()
    assert text == (GOLDEN / name).read_text(encoding="utf-8")


def test_score_and_verdict(report: Report) -> None:
    assert (report.score, report.max_score) == (1.5, 3.5)  # neither the skipped nor the broken check counts
    assert (report.verdict, report.exit_code) == ("error", 2)


def test_advice_decides_nothing(report: Report) -> None:
    kept = tuple(f for f in report.findings if f.id in ("passed", "skipped", "advised"))
    calm = Report(report.submission, report.kit_version, report.rubric_sha256, report.facts, kept)
    assert (calm.verdict, calm.exit_code) == ("pass", 0)


def test_colour_only_when_asked(report: Report) -> None:
    assert "\x1b[" not in terminal.render(report)
    assert "\x1b[31mFAIL\x1b[0m" in terminal.render(report, colour=True)


def test_failures_come_first(report: Report) -> None:
    text = terminal.render(report)
    assert text.index("failed") < text.index("advised") < text.index("skipped") < text.index("passed")


class _Page(HTMLParser):
    """Collects what would make the page need anything else, and tags that are left open."""

    def __init__(self) -> None:
        super().__init__()
        self.external: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.external += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "srcset", "action")]
        if tag not in ("meta", "link", "br", "img", "input", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_whole_escaped_and_needs_nothing_else(report: Report) -> None:
    page, text = _Page(), html.render(report, GRADED_AT)
    page.feed(text)
    assert (page.open, page.external) == ([], [])
    assert "url(" not in text
    assert "@import" not in text
    assert "&lt;b&gt;" in text


def test_same_evidence_same_bytes(tmp_path: Path) -> None:
    checks = all_checks()
    rubric = load_rubric(DEFAULT_RUBRIC, checks)
    submission = Submission(tmp_path)
    submission.append_batch(submission.rows[-5:])
    submission.build()
    texts = {json_renderer.render(grade(submission.evidence(), "s", checks, rubric), GRADED_AT) for _ in range(3)}
    assert len(texts) == 1


def test_facts_of_a_correct_submission(tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    submission.build()
    facts = submission.evidence().facts()
    assert facts == {
        "rows": 20,
        "distinct_order_ids": 20,
        "duplicate_rows": 0,
        "null_order_ids": 0,
        "negative_amounts": 0,
        "partitions": {"2025-11-18": 15, "2025-11-19": 5},
        "misplaced_rows": 0,
        "files": 3,
        "orphan_files": 0,
        "missing_files": 0,
        "state_timestamp": "2025-11-19T12:24:20.123456Z",
        "max_created_at": "2025-11-19T12:24:20.123456Z",
        "last_offset_batch": 2,
        "last_commit_batch": 2,
        "end_offset": 20,
        "database_rows": 20,
    }


def test_every_fact_is_in_the_document(tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    submission.build()
    assert list(submission.evidence().facts()) == list(json_renderer.Facts.model_fields)


def test_generated_documents_are_current() -> None:
    checks = all_checks()
    remedy = "run `python -m grader.documentation`"
    assert CHECKS_FILE.read_text(encoding="utf-8") == checks_markdown(checks, load_rubric(DEFAULT_RUBRIC, checks)), (
        remedy
    )
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), remedy
    assert json.loads(schema_text())["properties"]["facts"]
