"""Writes all reports that are files into one folder."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from grader.model import Report
from grader.renderers import gradescope, html, junit, markdown
from grader.renderers import json as json_renderer
from grader.renderers.timeline import timeline

if TYPE_CHECKING:
    from grader.evidence import Evidence

RENDERERS = (json_renderer, junit, markdown, gradescope)


def write_reports(
    report: Report,
    evidence: Evidence | None,
    folder: Path,
    graded_at: str,
    on_error: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write report.json, report.xml, report.md, results.json and report.html. Returns the path of report.html.

    Without evidence the page has no charts. If the facts for the charts cannot be read, `on_error` gets the traceback
    and the page is written without charts.

    Raises:
        OSError: the folder or a file in it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for renderer in RENDERERS:
        (folder / renderer.FILE_NAME).write_text(renderer.render(report, graded_at), encoding="utf-8")
    page = folder / html.FILE_NAME
    page.write_text(_page(report, evidence, graded_at, on_error), encoding="utf-8")
    return page


def _page(report: Report, evidence: Evidence | None, graded_at: str, on_error: Callable[[str], None]) -> str:
    if evidence is not None:
        try:
            return html.render(report, graded_at, timeline(evidence))
        except Exception:  # noqa: BLE001 - the report must not depend on its charts
            on_error(traceback.format_exc())
    return html.render(report, graded_at)
