"""A report's faces, one file each: the terminal's table, report.json and report.html."""

from __future__ import annotations

from collections.abc import Mapping

from grader.model import Finding, Report, Status

ADVICE = "ADVICE"


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


def row_text(row: Mapping[str, object]) -> str:
    """An example row on one line: order_id 7, amount -5.00."""
    return ", ".join(f"{key} {'null' if value is None else value}" for key, value in row.items())


def counts(report: Report) -> dict[str, int]:
    """How many findings have each word, in order of urgency, without those that none has."""
    words = [word(finding) for finding in by_urgency(report)]
    return {name: words.count(name) for name in dict.fromkeys(words)}
