"""The report on the terminal: what failed first, with what to do next; then every check in a table."""

from __future__ import annotations

import textwrap

from tabulate import tabulate

from grader.model import Finding, Report, Status
from grader.renderers import ADVICE, by_urgency, counts, number, row_text, word

_COLOURS = {"PASS": "32", "FAIL": "31", "ERROR": "35", "SKIP": "33", ADVICE: "36"}
_WIDTH = 110
_FACTS = (
    ("rows", "rows"),
    ("distinct_order_ids", "distinct order_ids"),
    ("duplicate_rows", "duplicate rows"),
    ("files", "files"),
    ("orphan_files", "orphan files"),
    ("max_created_at", "newest order"),
    ("state_timestamp", "state"),
    ("last_commit_batch", "last finished batch"),
    ("end_offset", "end offset"),
    ("database_rows", "rows in Postgres"),
)


def render(report: Report, *, colour: bool = False) -> str:
    """The text, with ANSI colours if `colour`."""
    parts = [_details(finding, colour) for finding in by_urgency(report) if word(finding) in ("FAIL", "ERROR", ADVICE)]
    parts.append(_table(report, colour))
    parts.append(_facts(report))
    parts += [f"assumed: {line}" for line in report.assumptions]
    parts.append(_verdict(report, colour))
    return "\n\n".join(part for part in parts if part) + "\n"


def _details(finding: Finding, colour: bool) -> str:
    lines = [f"{_paint(word(finding), colour)}  {finding.id}: {finding.title}"]
    if finding.expected is not None:
        lines.append(f"  expected  {finding.expected}")
    lines.append(f"  found     {finding.actual}")
    lines += [f"  row       {row_text(row)}" for row in finding.samples[:3]]
    if finding.status is Status.FAIL:
        lines += textwrap.wrap(finding.hint, _WIDTH, initial_indent="  next      ", subsequent_indent=" " * 12)
    else:
        lines.append("  next      This is the grader's fault and costs nothing; run again with --debug and report it.")
    return "\n".join(lines)


def _table(report: Report, colour: bool) -> str:
    rows = [
        (
            _paint(word(finding), colour),
            finding.id,
            "-" if finding.is_advice else f"{number(finding.points)}/{number(finding.max_points)}",
            finding.actual if finding.status is Status.SKIP else finding.title,
        )
        for finding in by_urgency(report)
    ]
    return tabulate(
        rows,
        headers=("result", "check", "marks", "what"),
        tablefmt="simple",
        disable_numparse=True,
        maxcolwidths=[None, None, None, 70],
    )


def _facts(report: Report) -> str:
    shown = [f"{label} {report.facts[key]}" for key, label in _FACTS if report.facts.get(key) is not None]
    return "\n".join(textwrap.wrap(", ".join(shown), _WIDTH, break_long_words=False, break_on_hyphens=False))


def _verdict(report: Report, colour: bool) -> str:
    tally = ", ".join(f"{count} {name}" for name, count in counts(report).items())
    painted = _paint({"pass": "PASS", "fail": "FAIL", "error": "ERROR"}[report.verdict], colour)
    return f"{painted}  {report.submission}: {number(report.score)} of {number(report.max_score)} marks ({tally})"


def _paint(text: str, colour: bool) -> str:
    return f"\x1b[{_COLOURS[text]}m{text}\x1b[0m" if colour else text
