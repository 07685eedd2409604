"""results.json, which a Gradescope autograder writes to /autograder/results.

Source: https://gradescope-autograders.readthedocs.io/en/latest/specs/ (Output format). Fields used:

- `score`, `output`, `output_format`, `test_output_format`, `visibility`, `stdout_visibility`, `extra_data`, `tests`
- of each test: `name`, `number`, `score`, `max_score`, `status` ("passed" or "failed"), `output`, `visibility`

`score` is the mark by the rubric's rule `unjudged`. That page says that it "overrides total of tests if specified". The
tests have the marks that each check earned. With `exclude` it is of fewer marks than the assignment has; `output` then
says of how many.

Scores are numbers. Visibility is "visible", "hidden", "after_due_date" or "after_published". What Gradescope calls a
test is a finding here.
"""

from __future__ import annotations

import json
from typing import Any

from grader.model import Finding, Report, Status
from grader.renderers import (
    MAX_ROWS,
    by_urgency,
    marks,
    next_step,
    number,
    readable,
    row_text,
    tally,
    unjudged_note,
    word,
)

FILE_NAME = "results.json"
VISIBLE = "visible"
_STATUS = {Status.PASS: "passed", Status.FAIL: "failed"}


def render(report: Report, graded_at: str) -> str:
    """The document's text. The maximum of `score` is `extra_data.max_score`."""
    report = readable(report)
    note = unjudged_note(report)
    lines = [
        f"{report.verdict.upper()}: {marks(report)} ({tally(report)}).",
        *([note] if note else []),
        f"Graded {graded_at} by kit {report.kit_version}.",
    ]
    results = {
        "score": number(report.score),
        "output": "\n".join(lines),
        "output_format": "text",
        "test_output_format": "text",
        "visibility": VISIBLE,
        "stdout_visibility": "hidden",
        "extra_data": {
            "verdict": report.verdict,
            "rollnumber": report.rollnumber,
            "max_score": number(report.max_score),
            "judged_score": number(report.judged_score),
            "judged_max_score": number(report.judged_max_score),
            "unjudged": report.unjudged,
            "rubric_sha256": report.rubric_sha256,
            "graded_at": graded_at,
        },
        "tests": [
            _test(at, finding, is_counted=report.is_counted(finding))
            for at, finding in enumerate(by_urgency(report), start=1)
        ],
    }
    return json.dumps(results, indent=2, ensure_ascii=False) + "\n"


def _test(at: int, finding: Finding, *, is_counted: bool) -> dict[str, Any]:
    # Without a status Gradescope compares score with max_score. A check that could not be judged neither passed nor
    # failed. Its max_score is 0, unless its marks count.
    test: dict[str, Any] = {
        "name": f"{word(finding)} {finding.id}: {finding.title}",
        "number": str(at),
        "score": number(finding.points),
        "max_score": number(finding.max_points) if is_counted else 0,
        "output": _output(finding),
        "visibility": VISIBLE,
    }
    if finding.status in _STATUS and not finding.is_advice:
        test["status"] = _STATUS[finding.status]
    elif finding.status is Status.SKIP and finding.is_judged and not finding.is_advice:
        test["status"] = "failed"  # a check that it needs failed, so its marks are lost too
    return test


def _output(finding: Finding) -> str:
    if finding.status is Status.PASS:
        return finding.doc
    lines = [f"Expected: {finding.expected}"] if finding.expected is not None else []
    lines.append(f"Found: {finding.actual}")
    lines += [f"Row: {row_text(row)}" for row in finding.samples[:MAX_ROWS]]
    if finding.status is not Status.SKIP:
        lines.append(f"Next: {next_step(finding)}")
    return "\n".join(lines)
