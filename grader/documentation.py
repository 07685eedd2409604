"""docs/checks.md and docs/report.schema.json, made from the checks and the report's model.

`python -m grader.documentation` writes them anew; a test says when they are out of date.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from configs.settings import PROJECT
from grader.checks import all_checks
from grader.model import Check
from grader.renderers import number
from grader.rubric import ADVICE, DEFAULT_RUBRIC, Rubric, load_rubric

CHECKS_FILE = PROJECT / "docs" / "checks.md"
SCHEMA_FILE = PROJECT / "docs" / "report.schema.json"

_HEAD = """\
# The checks

Generated from grader/checks/ and configs/rubric.yml by `python -m grader.documentation`: change those, not this.

PASS and FAIL speak for themselves. SKIP: a check it needs did not pass, or there is no evidence; it says which. What
lacks evidence is taken off the marks that can be had. ERROR: the grader broke, which costs nothing. Advice carries no
marks and decides nothing.
"""


def check_text(check: Check, rubric: Rubric) -> str:
    """What a check looks at, its marks, examples that fail it, and how to mend them."""
    marks = rubric.points[check.id]
    lines = [check.id, "", check.title, "", check.doc, ""]
    lines.append("Marks: advice, none" if not marks else f"Marks: {number(marks)}, {rubric.programs[check.id]}")
    if check.needs:
        lines.append(f"Judged only if these pass: {', '.join(check.needs)}")
    lines += [f"Fails on: {_words(check)}", f"To mend it: {check.hint}"]
    return "\n".join(lines)


def checks_markdown(checks: Mapping[str, Check], rubric: Rubric) -> str:
    """docs/checks.md."""
    parts = [_HEAD]
    for program in dict.fromkeys(rubric.programs.values()):
        ids = [check_id for check_id, owner in rubric.programs.items() if owner == program]
        total = sum(rubric.points[check_id] for check_id in ids)
        parts.append("## Advice\n" if program == ADVICE else f"## {program.capitalize()}: {number(total)} marks\n")
        for check_id in ids:
            check = checks[check_id]
            marks = "" if program == ADVICE else f" ({number(rubric.points[check_id])})"
            needs = (
                f"- Judged only if these pass: {', '.join(f'`{need}`' for need in check.needs)}\n"
                if check.needs
                else ""
            )
            parts.append(
                f"### {check.id}{marks}\n\n**{check.title}**\n\n{check.doc}\n\n"
                f"{needs}- Fails on: {_words(check)}\n- To mend it: {check.hint}\n"
            )
    return "\n".join(parts)


def schema_text() -> str:
    """docs/report.schema.json."""
    from grader.renderers.json import schema

    return json.dumps(schema(), indent=2) + "\n"


def _words(check: Check) -> str:
    return ", ".join(example.name.replace("_", " ") for example in check.failing)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    known = all_checks()
    _write(CHECKS_FILE, checks_markdown(known, load_rubric(DEFAULT_RUBRIC, known)))
    _write(SCHEMA_FILE, schema_text())
