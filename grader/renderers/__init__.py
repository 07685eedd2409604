"""The formats of a report, one file each: terminal, JSON, JUnit XML, Markdown, Gradescope and HTML.

What comes from a submission (a customer's name, a file's name) may hold anything. `readable` makes it safe to look at;
each format then escapes what its syntax needs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from grader.model import DID_NOT_END, Finding, Report, Status

ADVICE = "ADVICE"
MAX_ROWS = 3
GRADING_ENDED = "Nothing is lost by it: look at the submission's files, or allow the grading more and run it again."
GRADER_BROKE = "This is the grader's fault and costs nothing: run again with --debug and report it."

_LONGEST_TEXT = 2000
_LONGEST_CELL = 160
# Controls, which move a terminal's cursor or end an XML document; what turns the direction of writing; lone surrogates,
# which no file can hold. The joiners that Indic scripts need stay.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufffe\uffff]"
)


def printable(text: str, longest: int = _LONGEST_TEXT) -> str:
    """The text with control characters written out, such as \\x1b, and cut where it gets too long to read."""
    shown = _UNPRINTABLE.sub(_written_out, text[: longest + 1])
    return f"{shown[:longest]}…" if len(shown) > longest else shown


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def one_line(text: str, longest: int = _LONGEST_CELL) -> str:
    """`printable` for a line of a list or a cell of a table."""
    return printable(text.replace("\n", "\\n").replace("\t", "\\t"), longest)


def readable(report: Report) -> Report:
    """The report with every text of it safe to print; rows of it are on one line each."""
    facts = {
        key: {one_line(day): rows for day, rows in value.items()}
        if isinstance(value, Mapping)
        else printable(value)
        if isinstance(value, str)
        else value
        for key, value in report.facts.items()
    }
    return replace(
        report,
        submission=one_line(report.submission),
        facts=facts,
        findings=tuple(_readable_finding(finding) for finding in report.findings),
        assumptions=tuple(printable(line) for line in report.assumptions),
    )


def _readable_finding(finding: Finding) -> Finding:
    return replace(
        finding,
        expected=None if finding.expected is None else printable(finding.expected),
        actual=None if finding.actual is None else printable(finding.actual),
        samples=tuple({one_line(key): _readable_cell(value) for key, value in row.items()} for row in finding.samples),
    )


def _readable_cell(value: object) -> object:
    return value if value is None or isinstance(value, (bool, int)) else one_line(str(value))


def number(value: float) -> int | float:
    """Marks as people write them: 10, not 10.0; 0.25 as it is."""
    return int(value) if value == int(value) else round(value, 2)


def word(finding: Finding) -> str:
    """The status as a reader sees it: what fails without costing marks is advice."""
    return ADVICE if finding.is_advice and finding.status is Status.FAIL else finding.status.value


def by_urgency(report: Report) -> list[Finding]:
    """Findings with failures first, then errors, advice, skips and passes, each in the rubric's order."""
    order = [Status.FAIL.value, Status.ERROR.value, ADVICE, Status.SKIP.value, Status.PASS.value]
    return sorted(report.findings, key=lambda finding: order.index(word(finding)))


def to_fix(report: Report) -> list[Finding]:
    """The findings that a reader has to do something about, the most urgent first."""
    return [finding for finding in by_urgency(report) if word(finding) in (Status.FAIL, Status.ERROR, ADVICE)]


def not_judged(report: Report) -> dict[str, list[str]]:
    """Why checks were skipped -> their ids: many checks lack the same evidence."""
    reasons: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.status is Status.SKIP:
            reasons.setdefault(finding.actual or "", []).append(finding.id)
    return reasons


def next_step(finding: Finding) -> str:
    """What a reader does about a finding that did not pass."""
    if finding.status is not Status.ERROR:
        return finding.hint
    return GRADING_ENDED if (finding.actual or "").startswith(DID_NOT_END) else GRADER_BROKE


def cell_text(value: object) -> str:
    """A value of an example row: null for None."""
    return "null" if value is None else str(value)


def row_text(row: Mapping[str, object]) -> str:
    """An example row on one line: order_id 7, amount -5.00."""
    return ", ".join(f"{key} {cell_text(value)}" for key, value in row.items())


def counts(report: Report) -> dict[str, int]:
    """How many findings have each word, in order of urgency, without those that none has."""
    words = [word(finding) for finding in by_urgency(report)]
    return {name: words.count(name) for name in dict.fromkeys(words)}


def tally(report: Report) -> str:
    """`counts` as text: 1 FAIL, 2 SKIP, 26 PASS."""
    return ", ".join(f"{count} {name}" for name, count in counts(report).items())


def marks_of(finding: Finding) -> str:
    """A finding's marks as text: 0.5/1. What could not be judged for want of evidence costs nothing: -/1."""
    if finding.is_advice:
        return "-"
    open_ = finding.status is Status.ERROR or finding.lacks_evidence
    return f"{'-' if open_ else number(finding.points)}/{number(finding.max_points)}"


def marks(report: Report) -> str:
    """The marks as text: 17.25 of 17.25 marks."""
    return f"{number(report.score)} of {number(report.max_score)} marks"
