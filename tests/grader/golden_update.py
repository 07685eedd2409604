"""`python -m tests.grader.golden_update` accepts what the renderers write now: look at the diff then."""

from __future__ import annotations

from grader.renderers import html, terminal
from grader.renderers import json as json_renderer
from tests.grader.test_renderers import GOLDEN, GRADED_AT, sample_report

if __name__ == "__main__":
    report = sample_report()
    for name, text in (
        ("terminal.txt", terminal.render(report)),
        ("report.json", json_renderer.render(report, GRADED_AT)),
        ("report.html", html.render(report, GRADED_AT)),
    ):
        (GOLDEN / name).write_text(text, encoding="utf-8")
