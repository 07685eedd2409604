"""report.md in GitHub Flavored Markdown, short enough for the summary of a CI job (GitHub: at most 1 MiB per step)."""

from __future__ import annotations

import re

from configs.wording import counted
from grader.model import Finding, Report, Status
from grader.renderers import (
    MAX_ROWS,
    cell_text,
    effects,
    marks,
    marks_of,
    next_step,
    not_judged,
    open_marks,
    readable,
    tally,
    to_fix,
    unjudged_note,
    word,
)

FILE_NAME = "report.md"
_SPECIAL = re.compile(r"([\\`*_\[\]|~#$])")


def render(report: Report, graded_at: str) -> str:
    """The document's text."""
    report = readable(report)
    parts = [
        f"# {report.verdict.upper()}: {_escaped(report.submission)}, {marks(report)}",
        *([_escaped(note)] if (note := unjudged_note(report)) else []),
        f"{tally(report)}. Graded {graded_at} by kit {report.kit_version}, rubric {report.rubric_sha256[:12]}.",
    ]
    if to_fix(report):
        parts.append("## What to fix")
        below = effects(report)
        parts += [_details(finding, below.get(finding.id, [])) for finding in to_fix(report)]
    if not_judged(report):
        parts.append("## Not judged")
        parts.append("\n".join(_reason(why, findings) for why, findings in not_judged(report).items()))
    passed = [finding for finding in report.findings if finding.status is Status.PASS]
    if passed:
        head = f"<details><summary>{counted(len(passed), 'check')} passed</summary>"
        rows = [[f"`{f.id}`", marks_of(f), _escaped(f.title)] for f in passed]
        parts += [head, _table(["check", "marks", "what"], rows), "</details>"]
    facts = [[key.replace("_", " "), _fact(value)] for key, value in report.facts.items() if value is not None]
    if facts:
        parts += ["## Figures", _table(["figure", "value"], facts)]
    if report.assumptions:
        parts += ["## Assumed", "\n".join(f"- {_escaped(line)}" for line in report.assumptions)]
    return "\n\n".join(parts) + "\n"


def _details(finding: Finding, explains: list[Finding]) -> str:
    lines = [f"### {word(finding)}: {_escaped(finding.title)}", "", f"`{finding.id}`, {_marks(finding)}", ""]
    if finding.expected is not None:
        lines.append(f"- **Expected** {_escaped(finding.expected)}")
    lines += [f"- **Found** {_escaped(finding.actual or '')}", f"- **Next** {_with_code(next_step(finding))}"]
    lines += [f"- **Explains** `{one.id}` ({_marks(one)}): {_escaped(one.actual or '')}" for one in explains]
    rows = finding.samples[:MAX_ROWS]
    if rows:
        columns = list(dict.fromkeys(key for row in rows for key in row))
        cells = [[_escaped(cell_text(row[key])) if key in row else "" for key in columns] for row in rows]
        lines += ["", _table([_escaped(key) for key in columns], cells)]
    return "\n".join(lines)


def _marks(finding: Finding) -> str:
    return "advice" if finding.is_advice else f"{marks_of(finding)} marks"


def _fact(value: object) -> str:
    if isinstance(value, dict):
        shown = [f"{_escaped(day)}: {rows}" for day, rows in list(value.items())[:31]]
        more = len(value) - len(shown)
        return "<br>".join([*shown, *([f"and {more} more"] if more else [])])
    return _escaped(str(value))


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _reason(why: str, findings: list[Finding]) -> str:
    cost = f" ({text})" if (text := open_marks(findings)) else ""
    return f"- {_escaped(why)}{cost}: {_code(findings)}"


def _code(findings: list[Finding]) -> str:
    return ", ".join(f"`{finding.id}`" for finding in findings)


def _with_code(text: str) -> str:
    """Text of the kit, in which backticks mean code."""
    parts = re.split(r"(`[^`\n]+`)", text)
    return " ".join("".join(part if at % 2 else _marked(part) for at, part in enumerate(parts)).split())


def _escaped(text: str) -> str:
    """Text that GitHub shows unchanged: no markup, HTML, link, mention or new line."""
    return " ".join(_marked(text).split())


def _marked(text: str) -> str:
    html = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", html).replace("@", "&#64;").replace("://", "&#58;//")
