"""report.html: one self-contained file, in light and dark, for screen, keyboard and paper.

It has no script, and its content security policy blocks scripts. Every text in it is escaped.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from jinja2 import Template
from markupsafe import Markup, escape

from grader.model import Report, Status
from grader.renderers import (
    by_urgency,
    cell_text,
    counts,
    effects,
    marks_bar,
    marks_of,
    next_step,
    not_judged,
    number,
    open_marks,
    readable,
    to_fix,
    unjudged_note,
    word,
)
from grader.renderers.charts import charts
from grader.renderers.page_template import page_template
from grader.renderers.timeline import Timeline

FILE_NAME = "report.html"
MAX_TABLE_ROWS = 400


def render(report: Report, graded_at: str, facts: Timeline | None = None) -> str:
    """The page, with a chart for each kind of `facts` that is not empty."""
    report = readable(report)
    partitions = report.facts.get("partitions")
    return _template().render(
        report=report,
        graded_at=graded_at,
        groups={
            "did not pass": [finding for finding in by_urgency(report) if finding.status is not Status.PASS],
            "passed": [finding for finding in by_urgency(report) if finding.status is Status.PASS],
        },
        to_fix=to_fix(report),
        effects=effects(report),
        not_judged=not_judged(report),
        counts=counts(report),
        marks_bar=marks_bar(report),
        unjudged_note=unjudged_note(report),
        charts=charts(facts or Timeline()),
        facts={key.replace("_", " "): value for key, value in report.facts.items() if key != "partitions"},
        partitions=partitions if isinstance(partitions, dict) else {},
        max_table_rows=MAX_TABLE_ROWS,
    )


@cache
def _template() -> Template:
    """The page's template, which includes chart.svg.j2 for each chart."""
    filters = {
        "number": number,
        "word": word,
        "cell": cell_text,
        "marks_of": marks_of,
        "next_step": next_step,
        "columns": _columns,
        "open_marks": open_marks,
        "code": _code,
    }
    return page_template(Path(__file__).with_name("report.html.j2"), filters)


def _code(text: str) -> Markup:
    """The text, with `<code>` for text in backticks."""
    return Markup(re.sub("`([^`\n]+)`", r"<code>\1</code>", str(escape(text))))


def _columns(rows: tuple[dict[str, object], ...]) -> list[str]:
    """All columns of the rows, in order of appearance."""
    return list(dict.fromkeys(key for row in rows for key in row))
