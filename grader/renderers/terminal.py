"""The report on the terminal: first the failures, each with the next step; then a table with every check."""

from __future__ import annotations

import textwrap

from tabulate import tabulate

from grader.model import Finding, Report
from grader.renderers import (
    ADVICE,
    MAX_ROWS,
    by_urgency,
    marks,
    marks_of,
    next_step,
    not_judged,
    readable,
    row_text,
    tally,
    to_fix,
    unjudged_note,
    word,
)

NARROWEST, WIDTH, WIDEST = 80, 100, 120  # columns

_COLOURS = {"PASS": "32", "FAIL": "31", "ERROR": "35", "SKIP": "33", ADVICE: "36"}
_INDENT = 12
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


def render(report: Report, *, colour: bool = False, width: int = WIDTH) -> str:
    """The text, with lines of at most `width` columns (80 to 120), and with ANSI colours if `colour`."""
    report, width = readable(report), max(NARROWEST, min(width, WIDEST))
    parts = [_details(finding, colour, width) for finding in to_fix(report)]
    parts.append(_table(report, colour, width))
    parts += [_labelled("not judged", f"{why}\n{', '.join(ids)}", width, 0) for why, ids in not_judged(report).items()]
    parts.append(_facts(report, width))
    parts += [_labelled("assumed", line, width, 0) for line in report.assumptions]
    parts.append(f"{_paint(report.verdict.upper(), colour)}  {report.submission}: {marks(report)} ({tally(report)})")
    if note := unjudged_note(report):
        parts.append(_wrapped(note, width, 0))
    return "\n\n".join(part for part in parts if part) + "\n"


def _details(finding: Finding, colour: bool, width: int) -> str:
    title = _wrapped(f"{word(finding)}  {finding.id}: {finding.title}", width, 2)
    lines = [_paint(word(finding), colour) + title.removeprefix(word(finding))]
    if finding.expected is not None:
        lines.append(_labelled("expected", finding.expected, width))
    lines.append(_labelled("found", finding.actual or "", width))
    lines += [_labelled("row", row_text(row), width) for row in finding.samples[:MAX_ROWS]]
    lines.append(_labelled("next", next_step(finding), width))
    return "\n".join(lines)


def _labelled(label: str, text: str, width: int, indent: int = 2) -> str:
    return _wrapped(f"{' ' * indent}{label:<{_INDENT - indent}}{text}", width, _INDENT)


def _wrapped(text: str, width: int, indent: int) -> str:
    """The text wrapped to `width` columns; continued lines are indented by `indent` columns."""
    lines = []
    for at, line in enumerate(text.splitlines() or [""]):
        lines += textwrap.wrap(
            line,
            width,
            initial_indent=" " * indent if at else "",
            subsequent_indent=" " * indent,
            drop_whitespace=True,
            replace_whitespace=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def _table(report: Report, colour: bool, width: int) -> str:
    rows = [(word(finding), finding.id, marks_of(finding), finding.title) for finding in by_urgency(report)]
    # tabulate puts two spaces between columns, and two more after a heading. The rest is for the title.
    used = sum(max([len(head) + 2, *(len(row[at]) for row in rows)]) + 2 for at, head in enumerate(_HEADS[:3]))
    shown = [
        (_paint(status, colour), check_id, cost, textwrap.shorten(title, max(width - used, 20), placeholder=" …"))
        for status, check_id, cost, title in rows
    ]
    return tabulate(shown, headers=_HEADS, tablefmt="simple", disable_numparse=True)


_HEADS = ("status", "check", "marks", "what")


def _facts(report: Report, width: int) -> str:
    shown = [f"{label} {report.facts[key]}" for key, label in _FACTS if report.facts.get(key) is not None]
    return _wrapped(", ".join(shown), width, 0)


def _paint(text: str, colour: bool) -> str:
    return f"\x1b[{_COLOURS[text]}m{text}\x1b[0m" if colour else text
