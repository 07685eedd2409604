"""The report's formats against golden files, schemas, each other, and what a hostile submission may put in them."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from markdown_it import MarkdownIt

from grader.builder import Submission
from grader.checks import all_checks
from grader.documentation import schema_text
from grader.grading import judge_checks
from grader.model import Finding, Report, Status
from grader.renderers import files, gradescope, html, junit, markdown, printable, terminal
from grader.renderers import json as json_renderer
from grader.renderers.timeline import Batch, Moment, Span, Timeline
from grader.rubric import DEFAULT_RUBRIC, load_rubric
from tests.grader.report_submission import hostile_submission

GOLDEN = Path(__file__).parent / "golden"
GRADED_AT = "2025-11-20T08:00:00Z"
NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "]]></failure><!--",
    "\x1b[2J\x1b[31mred\x07",
    "a\0b\x08\x0b\ud800\ufffe",
    "| x | `y` **z** [l](http://e.example) @me #1",
    "line\nline\r\n# heading\n\n- item",
    "\u202ecod.exe\u2066",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &amp; &#60;",
    "x" * 100_000,
    "आशा राव 😀",
]


def finding(status: Status, name: str, points: float = 0, max_points: float = 1, **values: object) -> Finding:
    content = {"expected": None, "actual": None, "samples": (), **values}
    return Finding(name, f"Title of {name}.", status, points, max_points, hint="Do `this`.", doc="Why.", **content)  # type: ignore[arg-type]


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
            finding(Status.SKIP, "unmet", actual="not judged: failed did not pass"),
            finding(Status.FAIL, "advised", max_points=0, expected="few files", actual="25 files"),
            finding(Status.ERROR, "broken", actual="the grader broke: ValueError: x"),
            finding(Status.FAIL, "failed", max_points=2, expected="every amount >= 0", actual="2 rows", samples=bad),
        ),
        assumptions=("lake: it was moved",),
        rollnumber="2025em1100471",
    )


def sample_timeline() -> Timeline:
    """Ten base rows, then a round of five that all arrive."""
    second = 1_000_000
    start = 1_763_640_000 * second
    return Timeline(
        moments=(
            Moment(start, "batch 0 planned", kafka=10),
            Moment(start + 4 * second, "batch 0 in the lake", lake=10, newest_in_lake_us=start - 60 * second),
            Moment(start + 60 * second, "round 1 begins", "round 1", 10, 10, 10, state_us=start - 60 * second),
            Moment(start + 60 * second, "rows inserted", "round 1", 15, newest_inserted_us=start + 60 * second),
            Moment(start + 63 * second, "batch 1 planned", kafka=15),
            Moment(start + 66 * second, "batch 1 in the lake", lake=15, newest_in_lake_us=start + 60 * second),
            Moment(start + 67 * second, "round 1 ends", "round 1", 15, 15, 15, state_us=start + 60 * second),
            Moment(None, "graded", None, None, 15, 15, None, start + 60 * second, start + 60 * second),
        ),
        rounds=(Span("round 1", 2, 6),),
        dates=(("2025-11-20", 10), ("2025-11-21", 5)),
        batches=(Batch("0", 10, 10), Batch("1", 5, 4)),
    )


def golden_texts() -> dict[str, str]:
    """Every format of the sample report, by the name of its golden file."""
    report = sample_report()
    return {
        "terminal.txt": terminal.render(report),
        "report.json": json_renderer.render(report, GRADED_AT),
        "report.xml": junit.render(report, GRADED_AT),
        "report.md": markdown.render(report, GRADED_AT),
        "results.json": gradescope.render(report, GRADED_AT),
        "report.html": html.render(report, GRADED_AT, sample_timeline()),
    }


@pytest.mark.parametrize("name", sorted(golden_texts()))
def test_golden(name: str) -> None:
    """To accept a change: `python -m tests.grader.golden_update`."""
    assert golden_texts()[name] == (GOLDEN / name).read_text(encoding="utf-8")


def test_score_and_verdict(report: Report) -> None:
    # Neither what lacks evidence nor the broken check counts. 1.5 of 4.5 is scaled to the total of 6.5, and cut.
    assert (report.judged_score, report.judged_max_score) == (1.5, 4.5)
    assert (report.score, report.max_score) == (2.16, 6.5)
    assert (report.verdict, report.exit_code) == ("error", 2)


def test_advice_decides_nothing(report: Report) -> None:
    kept = tuple(f for f in report.findings if f.id in ("passed", "skipped", "advised"))
    calm = Report(report.submission, report.kit_version, report.rubric_sha256, report.facts, kept)
    assert (calm.verdict, calm.exit_code) == ("pass", 0)
    assert 'failures="0"' in junit.render(calm, GRADED_AT)


def hostile_report(text: str) -> Report:
    """A report with `text` wherever a submission can put text."""
    return Report(
        submission=text,
        kit_version="0.0.0",
        rubric_sha256="a" * 64,
        facts={"rows": 1, "partitions": {text: 1}, "state_timestamp": text},
        findings=(
            finding(Status.FAIL, "failed", expected=text, actual=text, samples=({"file": text, text: 1},) * 5),
            finding(Status.SKIP, "skipped", actual=text),
            finding(Status.ERROR, "broken", actual=text),
        ),
        assumptions=(text,),
        rollnumber=text,
    )


def hostile_timeline(text: str) -> Timeline:
    return Timeline(
        moments=(Moment(0, text, text, 1, 1, 1, 1, 1, 1), Moment(None, text, None, 2, 2, 2, 2, 2, 2 * 10**18)),
        rounds=(Span(text, 0, 0),),
        dates=((text, 3),),
        batches=(Batch(text, 1, -1),),
    )


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
class TestWhatASubmissionMayHold:
    def test_terminal(self, text: str) -> None:
        shown = terminal.render(hostile_report(text))
        assert shown == printable(shown, sys.maxsize), "no control character reaches the terminal"
        assert len(shown) < 20_000

    def test_json(self, text: str) -> None:
        document = json.loads(json_renderer.render(hostile_report(text), GRADED_AT).encode("utf-8"))
        jsonschema.validate(document, json.loads(schema_text()))
        assert document["submission"] == text

    def test_junit(self, text: str) -> None:
        root = ElementTree.fromstring(junit.render(hostile_report(text), GRADED_AT).encode("utf-8"))
        assert [case[0].tag for case in root.iter("testcase")] == ["failure", "skipped", "error"]

    def test_markdown(self, text: str) -> None:
        page = markdown.render(hostile_report(text), GRADED_AT)
        page.encode("utf-8")
        shown = MarkdownIt("commonmark", {"html": True}).enable("table").render(page)
        tags = set(re.findall(r"<([a-z0-9]+)", shown))
        assert tags <= {
            "h1",
            "h2",
            "h3",
            "p",
            "ul",
            "li",
            "strong",
            "code",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
        }
        assert shown.count("<h1>") == 1
        assert all(row.count("<td>") == 2 for row in shown.split("<tr>")[1:] if "<td>" in row)
        assert "@" not in page

    def test_gradescope(self, text: str) -> None:
        json.loads(gradescope.render(hostile_report(text), GRADED_AT).encode("utf-8"))

    def test_html(self, text: str) -> None:
        page = _Page()
        page.feed(html.render(hostile_report(text), GRADED_AT, hostile_timeline(text)))
        assert (page.open, page.external, page.scripts) == ([], [], [])
        assert not page.tags & {"img", "iframe", "object", "b"}


def test_colour_only_when_asked(report: Report) -> None:
    assert "\x1b[" not in terminal.render(report)
    assert "\x1b[31mFAIL\x1b[0m" in terminal.render(report, colour=True)


def in_order(text: str, *parts: str) -> bool:
    """Whether the parts follow each other in the text."""
    at = 0
    for part in parts:
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def test_the_terminal_has_the_verdict_then_what_to_do_then_what_was_not_judged(report: Report) -> None:
    text = terminal.render(report)
    assert text.startswith("ERROR  2025em1100471: 2.16 of 6.5 marks\n")
    assert in_order(text, "could not be judged", "FAIL  failed (0/2)", "ADVICE  advised", "Not judged:", "rows 20")
    assert in_order(text, "Not judged:", "(skipped; 1 mark open)", "failed did not pass (unmet; 0 of 1 mark)")


def test_markdown_has_the_same_order_as_the_terminal(report: Report) -> None:
    text = markdown.render(report, GRADED_AT)
    assert text.startswith("# ERROR: 2025em1100471, 2.16 of 6.5 marks\n")
    assert in_order(text, "could not be judged", "FAIL: Title of failed", "ADVICE", "## Not judged", "1 check passed")


def test_passed_checks_are_one_line_unless_all_are_asked_for(report: Report) -> None:
    short, long = terminal.render(report), terminal.render(report, show_all=True)
    assert "Title of passed." not in short
    assert "1 check passed. `make grade ARGS=--all` lists every check." in short
    assert "PASS      passed   1.5/1.5  Title of passed." in long
    assert "lists every check" not in long


def test_many_checks_without_the_same_evidence_are_one_entry(report: Report) -> None:
    skipped = tuple(finding(Status.SKIP, f"s{at}", actual="no evidence: no database") for at in range(9))
    text = terminal.render(replace(report, findings=skipped))
    assert "no evidence: no database (s0, s1, s2 and 6 more; 9 marks open)" in " ".join(text.split())


def test_the_bar_counts_marks(report: Report) -> None:
    """Not checks: one check may have eight times the marks of another."""
    text = html.render(report, GRADED_AT)
    widths = re.findall(r'<span class="(\w+)" style="flex-grow: ([\d.]+)">', text)
    assert widths == [("PASS", "1.5"), ("FAIL", "3"), ("SKIP", "1"), ("ERROR", "1")]
    assert "1.5 marks earned" in text
    assert sum(float(marks) for _, marks in widths) == report.total


def test_the_page_folds_the_checks_that_passed(report: Report) -> None:
    text = html.render(report, GRADED_AT)
    folded = text[text.index("1 check passed</summary>") :]
    assert in_order(folded, "Title of passed.", "</details>")
    assert "Title of passed." not in text[: text.index("1 check passed</summary>")]


def test_names_of_files_are_short_but_in_the_json(report: Report) -> None:
    name = "date=2025-11-19/part-00000-5bb1f1d8-a189-5f39-a8ce-866ffec102e5.c000.snappy.parquet"
    bad = finding(Status.FAIL, "bad", actual="x", samples=({"files": f"{name}, {name}"},))
    named = replace(report, findings=(bad,))
    short = "date=2025-11-19/part-00000-5bb1f1d8*.parquet"
    for text in (terminal.render(named), html.render(named, GRADED_AT), gradescope.render(named, GRADED_AT)):
        assert text.count(short) == 2
    assert f"{name}, {name}" in json_renderer.render(named, GRADED_AT)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_terminal_fits(width: int, tmp_path: Path) -> None:
    checks = all_checks()
    submission = hostile_submission(tmp_path)
    report = judge_checks(submission.evidence(), "2025em1100471", checks, load_rubric(DEFAULT_RUBRIC, checks))
    for show_all in (False, True):
        shown = terminal.render(report, width=width, show_all=show_all)
        assert max(map(len, shown.splitlines())) <= width
    assert all(word in shown for check in checks.values() for word in check.title.split()), "no title is cut"
    assert max(map(len, terminal.render(report).splitlines())) <= 80


def test_report_json_is_as_its_schema_says(report: Report) -> None:
    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(json_renderer.render(report, GRADED_AT)), schema)


def test_schema_refuses_what_is_not_in_it(report: Report) -> None:
    document = json.loads(json_renderer.render(report, GRADED_AT))
    for change in ({"verdict": "perhaps"}, {"score": "1.5"}, {"more": 1}, {"rubric_sha256": "x"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**document, **change}, json.loads(schema_text()))


JUNIT = {
    "testsuites": {"name", "time", "tests", "failures", "disabled", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "time", "disabled", "skipped", "timestamp", "hostname", "id"},
    "properties": set(),
    "property": {"name", "value"},
    "testcase": {"name", "assertions", "time", "classname", "status"},
    "skipped": {"message", "type"},
    "error": {"message", "type"},
    "failure": {"message", "type"},
    "system-out": set(),
}


def test_junit_holds_only_what_its_schema_knows(report: Report) -> None:
    """Elements and attributes of junit-4.xsd of Jenkins's xUnit plugin."""
    for element in ElementTree.fromstring(junit.render(report, GRADED_AT)).iter():
        assert set(element.keys()) <= JUNIT[element.tag]


def test_junit_counts_agree_with_the_cases(report: Report) -> None:
    root = ElementTree.fromstring(junit.render(report, GRADED_AT))
    found = {name: str(len(list(root.iter(tag)))) for name, tag in JUNIT_COUNTS.items()}
    assert {name: root[0].get(name) for name in found} == found
    assert {name: root.get(name) for name in found if name != "skipped"} == {
        name: count for name, count in found.items() if name != "skipped"
    }
    assert found["failures"] == "1"  # advice is none


JUNIT_COUNTS = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}


def test_gradescope_holds_only_documented_fields_and_values(report: Report) -> None:
    """https://gradescope-autograders.readthedocs.io/en/latest/specs/"""
    results = json.loads(gradescope.render(report, GRADED_AT))
    visibility = {"visible", "hidden", "after_due_date", "after_published"}
    assert set(results) <= {
        "score",
        "execution_time",
        "output",
        "output_format",
        "test_output_format",
        "test_name_format",
        "visibility",
        "stdout_visibility",
        "extra_data",
        "tests",
        "leaderboard",
    }
    assert {results["visibility"], results["stdout_visibility"]} <= visibility
    for test in results["tests"]:
        known = {"score", "max_score", "status", "name", "name_format", "number", "output", "output_format", "tags"}
        assert set(test) <= known | {"visibility", "extra_data"}
        assert isinstance(test["score"], (int, float))
        assert isinstance(test["max_score"], (int, float))
        assert test.get("status", "passed") in ("passed", "failed")
        assert test["visibility"] in visibility
    assert results["score"] == report.score
    assert sum(test["score"] for test in results["tests"]) == report.judged_score
    assert sum(test["max_score"] for test in results["tests"]) == report.judged_max_score


def test_gradescope_status_is_true_of_the_check(report: Report) -> None:
    tests = json.loads(gradescope.render(report, GRADED_AT))["tests"]
    statuses = {test["name"].split()[1].rstrip(":"): test.get("status") for test in tests}
    assert statuses == {
        "failed": "failed",
        "broken": None,
        "advised": None,
        "skipped": None,
        "unmet": "failed",
        "passed": "passed",
    }


class _Page(HTMLParser):
    """Collects what would make the page need anything else or run anything, and tags that are left open."""

    def __init__(self) -> None:
        super().__init__()
        self.external: list[str] = []
        self.scripts: list[str] = []
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            leads_out = name in ("src", "href", "xlink:href", "srcset", "action", "background", "data", "ping")
            if leads_out and not (value or "").startswith("#"):
                self.external.append(f"{tag} {name} {value}")
            if name.startswith("on"):
                self.scripts.append(f"{tag} {name}")
        if tag == "script":
            self.scripts.append(tag)
        if tag not in ("meta", "link", "br", "img", "input", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_whole_and_needs_nothing_else(report: Report) -> None:
    page, text = _Page(), html.render(report, GRADED_AT, sample_timeline())
    page.feed(text)
    assert (page.open, page.external, page.scripts) == ([], [], [])
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/(2000/svg|1999/xlink))", text)
    assert "&lt;b&gt;" in text


def test_html_says_nothing_of_what_there_is_no_evidence_for(report: Report) -> None:
    assert "<svg" not in html.render(report, GRADED_AT)
    assert "<svg" not in html.render(report, GRADED_AT, Timeline())


def test_html_with_a_single_moment(report: Report) -> None:
    text = html.render(report, GRADED_AT, Timeline(moments=(Moment(None, "graded", lake=0),)))
    assert text.count("<svg") == 1
    assert "0 in the lake" in text


def test_every_chart_has_a_name_a_sentence_and_a_table(report: Report) -> None:
    text = html.render(report, GRADED_AT, sample_timeline())
    for chart in ("rows", "watermark", "dates", "batches"):
        assert f'aria-labelledby="{chart}-title {chart}-answer"' in text
        assert f'id="{chart}-title"' in text
        assert f'id="{chart}-answer"' in text
    assert text.count("Show as a table") == 4


def test_charts_name_what_is_unequal(report: Report) -> None:
    text = html.render(report, GRADED_AT, sample_timeline())
    assert "1 of 2 batches read and wrote different numbers of rows. The first is batch 1: read 5, wrote 4." in text
    assert "The state is at the newest order in the lake, 2025-11-20T12:01:00.000000Z." in text


def test_page_is_written_when_its_charts_cannot_be(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> Timeline:
        raise RuntimeError("a chart's fact")

    traces: list[str] = []
    monkeypatch.setattr(files, "timeline", broken)
    page = files.write_reports(report, Submission(tmp_path).evidence(), tmp_path / "out", GRADED_AT, traces.append)
    assert "What to fix" in page.read_text(encoding="utf-8")
    assert "a chart's fact" in traces[0]


def test_same_evidence_same_bytes(tmp_path: Path) -> None:
    checks = all_checks()
    rubric = load_rubric(DEFAULT_RUBRIC, checks)
    submission = hostile_submission(tmp_path / "submission")
    contents = []
    for out in (tmp_path / "first", tmp_path / "second"):
        evidence = submission.evidence()
        files.write_reports(judge_checks(evidence, "s", checks, rubric), evidence, out, GRADED_AT)
        contents.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert contents[0] == contents[1]
    assert set(contents[0]) == {"report.json", "report.xml", "report.md", "results.json", "report.html"}


def test_only_graded_at_differs_from_run_to_run(report: Report) -> None:
    for renderer in (json_renderer, junit, markdown, gradescope, html):
        first, second = renderer.render(report, GRADED_AT), renderer.render(report, "2031-01-01T00:00:00Z")
        changed = [a for a, b in zip(first.splitlines(), second.splitlines(), strict=True) if a != b]
        assert changed
        assert all("2025-11-20T08:00:00" in line for line in changed)


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
        "messages_read": 20,
        "messages_rejected": None,
        "messages_unexplained": 0,
        "database_rows": 20,
    }


def test_every_fact_is_in_the_document(tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    submission.build()
    assert list(submission.evidence().facts()) == list(json_renderer.Facts.model_fields)


def test_the_schema_describes_the_facts() -> None:
    assert json.loads(schema_text())["properties"]["facts"]
