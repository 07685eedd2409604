"""The class page: one file that works offline, with every submission, sortable, searchable and by keyboard.

Its script is the only one that may run in it: the content security policy names its hash. Every text in it is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Template

from grader.class_run.copies import Copy
from grader.class_run.discovery import NoSubmission
from grader.class_run.gradebook import Row
from grader.model import Status
from grader.renderers import number, one_line
from grader.renderers.page_template import page_template
from grader.rubric import Rubric

SCRIPT_FILE = "class_page.js"
_BARS = 20  # of the histogram, at most
_LISTED = 10  # checks and slowest submissions
_NAMES_OF_A_COPY = 12
_OPEN_COPIES = 10  # more are folded


@dataclass(frozen=True)
class Bar:
    """A bar of the histogram: marks from `low` to below `high` (the last one: to `high`), and how many have them."""

    low: int | float
    high: int | float
    count: int


@dataclass(frozen=True)
class FailedCheck:
    id: str
    count: int
    lost: int | float  # marks, of all submissions


def render_page(
    rows: Sequence[Row], copies: Sequence[Copy], others: Sequence[NoSubmission], rubric: Rubric, graded_at: str
) -> str:
    """The text of index.html. Links lead to the reports in the folders beside it."""
    script = (Path(__file__).parent / SCRIPT_FILE).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    submitted = [row for row in rows if row.found]
    graded = [row for row in submitted if row.record]
    marks = [row.score for row in graded if row.score is not None]
    page = _template().render(
        script=script,
        script_hash=digest,
        rows=rows,
        graded=graded,
        submitted=submitted,
        absent=[row for row in rows if not row.found],
        undecided=[row for row in graded if row.score is None],
        verdicts=Counter(row.verdict for row in graded),
        mean=number(round(sum(marks) / len(marks), 2)) if marks else None,
        median=number(_median(marks)) if marks else None,
        bars=histogram(marks, sum(rubric.points.values())),
        failed=most_failed(graded, rubric),
        slowest=sorted(graded, key=lambda row: -(row.record.seconds if row.record else 0))[:_LISTED],
        copies=copies,
        names_of_a_copy=_NAMES_OF_A_COPY,
        open_copies=_OPEN_COPIES,
        others=others,
        checks=list(rubric.points),
        graded_at=graded_at,
        rubric_sha256=rubric.sha256,
    )
    return page.encode("utf-8", errors="backslashreplace").decode("utf-8")


def histogram(marks: Sequence[float], total: float) -> list[Bar]:
    """How many have how many marks, from 0 to `total` marks or the highest one, in bars of equal width."""
    top = max([total, *marks])
    width = max(1, math.ceil(top / _BARS))
    count = max(1, math.ceil(top / width))
    places = Counter(min(int(mark // width), count - 1) for mark in marks)
    return [Bar(at * width, min((at + 1) * width, number(top)), places[at]) for at in range(count)]


def most_failed(rows: Sequence[Row], rubric: Rubric) -> list[FailedCheck]:
    """The checks that most submissions failed, and the marks that they cost, without advice."""
    records = [row.record for row in rows if row.record]
    failed = Counter(check for record in records for check, word in record.checks.items() if word == Status.FAIL.value)
    lost = Counter[str]()
    for record in records:
        lost.update(record.losses)
    listed = sorted(failed, key=lambda check: (-failed[check], list(rubric.points).index(check)))[:_LISTED]
    return [FailedCheck(check, failed[check], number(round(lost[check], 2))) for check in listed]


def _median(marks: Sequence[float]) -> float:
    ordered, middle = sorted(marks), len(marks) // 2
    return ordered[middle] if len(marks) % 2 else round((ordered[middle - 1] + ordered[middle]) / 2, 2)


def _failures(row: Row) -> list[str]:
    return [check for check, word in row.record.checks.items() if word == Status.FAIL.value] if row.record else []


@cache
def _template() -> Template:
    filters = {
        "link": lambda row: f"{quote(row.found.folder)}/report.html",
        "failures": _failures,
        "number": number,
        "one_line": one_line,
    }
    return page_template(Path(__file__).with_name("class_page.html.j2"), filters)
