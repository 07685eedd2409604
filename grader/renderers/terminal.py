"""The report on the terminal: verdict and marks, what to do, what could not be judged, and one line for the rest."""

from __future__ import annotations

import textwrap

from tabulate import tabulate

from configs.wording import counted
from grader.model import Finding, Report, Status
from grader.renderers import (
    ADVICE,
    MAX_ROWS,
    by_urgency,
    effects,
    marks,
    marks_of,
    next_step,
    not_judged,
    open_marks,
    readable,
    row_text,
    tally,
    to_fix,
    unjudged_note,
    word,
)

NARROWEST, WIDTH, WIDEST = 80, 80, 120  # columns
MAX_IDS = 3
SHOW_ALL = "`make grade ARGS=--all`"

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


def render(report: Report, *, colour: bool = False, width: int = WIDTH, show_all: bool = False) -> str:
    """The text, with lines of at most `width` columns (80 to 120), and with ANSI colours if `colour`.

    `show_all` adds a table with every check, also those that passed.
    """
    report, width = readable(report), max(NARROWEST, min(width, WIDEST))
    parts = [_verdict(report, colour, width)]
    below = effects(report)
    parts += [_details(finding, below.get(finding.id, []), colour, width) for finding in to_fix(report)]
    parts.append(_not_judged(report, width))
    parts.append(_table(report, colour, width) if show_all else _passed(report, width))
    parts.append(_facts(report, width))
    parts += [_labelled("assumed", line, width, 0) for line in report.assumptions]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict(report: Report, colour: bool, width: int) -> str:
    head = f"{report.verdict.upper()}  {report.submission}: {marks(report)}"
    lines = [_painted(head, report.verdict.upper(), colour, width), _wrapped(tally(report), width, 0)]
    if note := unjudged_note(report):
        lines.append(_wrapped(note, width, 0))
    return "\n".join(lines)


def _details(finding: Finding, explains: list[Finding], colour: bool, width: int) -> str:
    cost = "" if finding.is_advice else f" ({marks_of(finding)})"
    lines = [_painted(f"{word(finding)}  {finding.id}{cost}: {finding.title}", word(finding), colour, width)]
    if finding.expected is not None:
        lines.append(_labelled("expected", finding.expected, width))
    lines.append(_labelled("found", finding.actual or "", width))
    lines += [_labelled("row", row_text(row), width) for row in finding.samples[:MAX_ROWS]]
    lines.append(_labelled("next", next_step(finding), width))
    for effect in explains:
        cost = "" if effect.is_advice else f" ({marks_of(effect)})"
        lines.append(_labelled("explains", f"{effect.id}{cost}: {effect.actual}", width))
    return "\n".join(lines)


def _not_judged(report: Report, width: int) -> str:
    lines = []
    for why, findings in not_judged(report).items():
        cost = f"; {text}" if (text := open_marks(findings)) else ""
        ids = ", ".join(finding.id for finding in findings[:MAX_IDS])
        more = f" and {len(findings) - MAX_IDS} more" if len(findings) > MAX_IDS else ""
        lines.append(_wrapped(f"  {why} ({ids}{more}{cost})", width, 4))
    return "\n".join(["Not judged:", *lines]) if lines else ""


def _passed(report: Report, width: int) -> str:
    passed = sum(finding.status is Status.PASS for finding in report.findings)
    return _wrapped(f"{counted(passed, 'check')} passed. {SHOW_ALL} lists every check.", width, 0)


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
        (_paint(status, colour), check_id, cost, textwrap.fill(title, max(width - used, 20)))
        for status, check_id, cost, title in rows
    ]
    return tabulate(shown, headers=_HEADS, tablefmt="simple", disable_numparse=True)


_HEADS = ("status", "check", "marks", "what")


def _facts(report: Report, width: int) -> str:
    shown = [f"{label} {report.facts[key]}" for key, label in _FACTS if report.facts.get(key) is not None]
    return _wrapped(", ".join(shown), width, 0)


def _painted(text: str, first: str, colour: bool, width: int) -> str:
    """The text wrapped, and its first word coloured. Colour codes have no width, so they come last."""
    return _paint(first, colour) + _wrapped(text, width, 2).removeprefix(first)


def _paint(text: str, colour: bool) -> str:
    return f"\x1b[{_COLOURS[text]}m{text}\x1b[0m" if colour else text
