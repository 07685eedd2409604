"""report.html: one file that needs nothing else, in light and dark, for screen and paper."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, StrictUndefined

from grader.model import Report
from grader.renderers import by_urgency, counts, number, row_text, word

FILE_NAME = "report.html"
_TEMPLATE = Path(__file__).with_name("report.html.j2")


def render(report: Report, graded_at: str) -> str:
    """The page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(number=number, row_text=row_text, word=word)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    facts = {key.replace("_", " "): value for key, value in report.facts.items() if key != "partitions"}
    partitions = report.facts.get("partitions")
    return template.render(
        report=report,
        graded_at=graded_at,
        findings=by_urgency(report),
        counts=counts(report),
        facts=facts,
        partitions=partitions if isinstance(partitions, dict) else {},
    )
