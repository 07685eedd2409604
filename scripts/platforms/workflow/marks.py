"""The last step of grade.yml: shows the marks of reports/report.json, and fails if they are fewer than MIN_MARKS.

The two notices are those of GitHub Classroom's own reporter. Python's standard library only.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

REPORT = Path("reports") / "report.json"


def main() -> int:
    """Exit code 0: enough marks. 1: too few, or no mark. 2: MIN_MARKS is no number."""
    asked = os.environ.get("MIN_MARKS", "20")
    try:
        least = float(asked)
    except ValueError:
        print(f"::error::MIN_MARKS is {asked!r}. Write a number into this variable of the repository.")
        return 2
    try:
        report = json.loads(REPORT.read_text(encoding="utf-8"))
        score, total, verdict = float(report["score"]), float(report["max_score"]), str(report["verdict"])
    except (OSError, ValueError, KeyError, TypeError):
        print(f"::error::There is no {REPORT}: the pipeline did not come as far. Read the steps before this one.")
        return 1
    print(f"::notice title=Autograding complete::Points {score:g}/{total:g}")
    print(f"::notice title=Autograding report::{json.dumps({'totalPoints': score, 'maxPoints': total})}")
    if verdict == "error":
        print("::error::The grader could not decide, so this is no mark. Look at the summary of this run.")
        return 1
    if score < least:
        print(f"::error::{score:g} of {total:g} marks, and {least:g} are asked for. The summary of this run says why.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
