"""report.xml in JUnit's format for CI servers: one suite per submission, one case per check.

Elements and attributes are those of Jenkins's junit-4.xsd, which other servers read too. Advice decides nothing, so
failed advice is a passed case with its text in system-out. The property `unjudged` is there if a check could not be
judged; it says what becomes of its marks.
"""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from grader.model import Finding, Report, Status
from grader.renderers import ADVICE, MAX_ROWS, next_step, number, readable, row_text, unjudged_note, word

FILE_NAME = "report.xml"


def render(report: Report, graded_at: str) -> str:
    """The document's text."""
    report = readable(report)
    words = [word(finding) for finding in report.findings]
    totals = {
        "tests": str(len(words)),
        "failures": str(words.count(Status.FAIL)),
        "errors": str(words.count(Status.ERROR)),
        "time": "0",
    }
    root = Xml.Element("testsuites", {"name": "grader", **totals})
    more = {"skipped": str(words.count(Status.SKIP)), "timestamp": graded_at.removesuffix("Z")}
    suite = Xml.SubElement(root, "testsuite", {"name": report.submission, **totals, **more})
    properties = Xml.SubElement(suite, "properties")
    for name, value in (
        ("rollnumber", report.rollnumber),
        ("verdict", report.verdict),
        ("score", number(report.score)),
        ("max_score", number(report.max_score)),
        ("unjudged", unjudged_note(report)),
        ("kit_version", report.kit_version),
        ("rubric_sha256", report.rubric_sha256),
    ):
        if value is not None:
            Xml.SubElement(properties, "property", {"name": name, "value": str(value)})
    for finding in report.findings:
        _add_case(suite, report.submission, finding)
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def _add_case(suite: Xml.Element, submission: str, finding: Finding) -> None:
    case = Xml.SubElement(suite, "testcase", {"classname": submission, "name": finding.id, "time": "0"})
    result = word(finding)
    if result == Status.SKIP:
        Xml.SubElement(case, "skipped", {"message": finding.actual or ""})
    elif result in (Status.FAIL, Status.ERROR):
        kind = "failure" if result == Status.FAIL else "error"
        element = Xml.SubElement(case, kind, {"message": finding.actual or "", "type": finding.id})
        element.text = _text(finding)
    elif result == ADVICE:
        Xml.SubElement(case, "system-out").text = f"advice\n{_text(finding)}"


def _text(finding: Finding) -> str:
    lines = [finding.title]
    lines += [f"expected: {finding.expected}"] if finding.expected is not None else []
    lines.append(f"found: {finding.actual}")
    lines += [f"row: {row_text(row)}" for row in finding.samples[:MAX_ROWS]]
    lines.append(f"next: {next_step(finding)}")
    return "\n".join(lines)
