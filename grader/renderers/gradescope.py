"""results.json, which a Gradescope autograder writes to /autograder/results.

Source: https://gradescope-autograders.readthedocs.io/en/latest/specs/ (Output format). Fields used:

- `score`, `output`, `output_format`, `test_output_format`, `visibility`, `stdout_visibility`, `extra_data`, `tests`
- of each test: `name`, `number`, `score`, `max_score`, `status` ("passed" or "failed"), `output`, `visibility`

Scores are numbers. Visibility is "visible", "hidden", "after_due_date" or "after_published". What Gradescope calls a
test is a finding here.
"""

from __future__ import annotations

import json
from typing import Any

from grader.model import Finding, Report, Status
from grader.renderers import MAX_ROWS, by_urgency, marks, next_step, number, readable, row_text, tally, word

FILE_NAME = "results.json"
VISIBLE = "visible"
_STATUS = {Status.PASS: "passed", Status.FAIL: "failed"}


def render(report: Report, graded_at: str) -> str:
    """The document's text. The maximum of `score` is `extra_data.max_score`: the marks that could be judged."""
    report = readable(report)
    results = {
        "score": number(report.score),
        "output": f"{report.verdict.upper()}: {marks(report)} that could be judged ({tally(report)}).\n"
        f"Graded {graded_at} by kit {report.kit_version}.",
        "output_format": "text",
        "test_output_format": "text",
        "visibility": VISIBLE,
        "stdout_visibility": "hidden",
        "extra_data": {
            "verdict": report.verdict,
            "max_score": number(report.max_score),
            "rubric_sha256": report.rubric_sha256,
            "graded_at": graded_at,
        },
        "tests": [_test(at, finding) for at, finding in enumerate(by_urgency(report), start=1)],
    }
    return json.dumps(results, indent=2, ensure_ascii=False) + "\n"


def _test(at: int, finding: Finding) -> dict[str, Any]:
    # Without a status Gradescope compares score with max_score. A check without evidence or in status ERROR has
    # max_score 0, and neither passed nor failed.
    costs_nothing = finding.status is Status.ERROR or finding.lacks_evidence
    test: dict[str, Any] = {
        "name": f"{word(finding)} {finding.id}: {finding.title}",
        "number": str(at),
        "score": number(finding.points),
        "max_score": 0 if costs_nothing else number(finding.max_points),
        "output": _output(finding),
        "visibility": VISIBLE,
    }
    if finding.status in _STATUS and not finding.is_advice:
        test["status"] = _STATUS[finding.status]
    elif finding.status is Status.SKIP and not costs_nothing and not finding.is_advice:
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
