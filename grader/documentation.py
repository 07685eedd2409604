"""docs/checks.md and docs/report.schema.json, made from the checks and the report's model.

`python -m grader.documentation` writes them again; a test says when they are out of date.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from configs.settings import PROJECT
from grader.builder import Submission
from grader.checks import all_checks
from grader.model import Check, Mismatch
from grader.renderers import number, row_text
from grader.rubric import ADVICE, DEFAULT_RUBRIC, Rubric, load_rubric

CHECKS_FILE = PROJECT / "docs" / "checks.md"
SCHEMA_FILE = PROJECT / "docs" / "report.schema.json"

_HEAD = """\
# The checks

Generated from grader/checks/ and configs/rubric.yml by `python -m grader.documentation`: change those, not this.

PASS and FAIL speak for themselves. SKIP: a check it needs did not pass, or there is no evidence; it says which. What
lacks evidence is taken off the marks that can be had. ERROR: the grader broke, which costs nothing. Advice carries no
marks and decides nothing.
{partial}

Each check is shown with what it says of one submission that fails it; docs/fidelity.md lists all that it is held to.
"""


def check_text(check: Check, rubric: Rubric) -> str:
    """What a check looks at, its marks, examples that fail it, and how to fix them."""
    marks = rubric.points[check.id]
    lines = [check.id, "", check.title, "", check.doc, ""]
    lines.append("Marks: advice, none" if not marks else f"Marks: {number(marks)}, {rubric.programs[check.id]}")
    if check.needs:
        lines.append(f"Judged only if these pass: {', '.join(check.needs)}")
    lines += [f"Fails on: {_words(check)}", f"How to fix it: {check.hint}", "", _example_text(check)]
    return "\n".join(lines)


def checks_markdown(checks: Mapping[str, Check], rubric: Rubric) -> str:
    """docs/checks.md."""
    parts = [_HEAD.format(partial=_partial(rubric))]
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
                f"{needs}- Fails on: {_words(check)}\n- How to fix it: {check.hint}\n\n{_example_text(check)}\n"
            )
    return "\n".join(parts)


def schema_text() -> str:
    """docs/report.schema.json."""
    from grader.renderers.json import schema

    return json.dumps(schema(), indent=2) + "\n"


def _partial(rubric: Rubric) -> str:
    if not rubric.partial:
        return "A check that fails earns nothing."
    return (
        f"A check that fails and counts something keeps up to {rubric.partial:.0%} of its marks, in proportion to what "
        "was right."
    )


def _words(check: Check) -> str:
    return ", ".join(example.name.replace("_", " ") for example in check.failing)


def _example_text(check: Check) -> str:
    """What the check says of its first failing example."""
    example = check.failing[0]
    with tempfile.TemporaryDirectory() as folder:
        submission = Submission(Path(folder))
        example.build(submission)
        submission.build()
        try:
            check.judge(submission.evidence())
        except Mismatch as mismatch:
            lines = [f"expected  {mismatch.expected}", f"found     {mismatch.actual}"]
            lines += [f"row       {row_text(row)}" for row in mismatch.samples[:3]]
            text = "\n".join(f"    {line}" for line in lines).replace(f"{folder}/", "")
            return f"For example, {example.name.replace('_', ' ')}:\n\n{text}"
    raise AssertionError(f"{check.id} passes its example {example.name}")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    known = all_checks()
    _write(CHECKS_FILE, checks_markdown(known, load_rubric(DEFAULT_RUBRIC, known)))
    _write(SCHEMA_FILE, schema_text())
