#!/usr/bin/env python3
"""Gradescope's run_autograder: grades the evidence that a student handed in. It runs nothing of the student's.

What the platform says, in https://gradescope-autograders.readthedocs.io/en/latest/:

- specs: the submission is in /autograder/submission, this archive in /autograder/source. The result must be in
  /autograder/results/results.json. What is printed is shown to instructors only.
- troubleshooting: a run may take 10 minutes (to be raised to 40) and 768 MB (to be raised too), or it is ended. A
  submission that is ended gets 0 points. Without a valid results.json it "failed to execute correctly".
- best_practices: "Ensure that a results.json file is written out in some way even if the autograder fails".

So there is a results.json from the first moment on, and the grading ends before the platform's limits. Both files are
written beside, and renamed. Python's standard library only: this must also work if the packages are broken.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

SECONDS = 540  # of the 600 that the platform gives
CHECK_SECONDS = 120
MEMORY_MIB = 600  # of the 768 that it gives; this program and the grader's first process need the rest
_LONGEST = 2000  # characters of a message


def main() -> int:
    """Exit code 0: results.json has a mark. 1: it says why there is none."""
    root = Path(os.environ.get("AUTOGRADER_ROOT", "/autograder"))
    target = root / "results" / "results.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    write(target, unfinished("it was ended before its end, by the platform's limit of time or memory"))
    try:
        with tempfile.TemporaryDirectory() as out:
            why = grade(root, Path(out))
            results = graded(Path(out))
    except Exception as error:  # noqa: BLE001 - whatever happens, there must be a results.json
        why, results = f"{type(error).__name__}: {error}", None
    write(target, results if results is not None else unfinished(why))
    print(why)
    return 0 if results is not None else 1


def grade(root: Path, out: Path) -> str:
    """Grade in a process of its own, with reports in `out`. Returns how it ended."""
    python = root / "venv" / "bin" / "python"
    words = ["-m", "grader", "grade", str(root / "submission"), "--database", "off", "--out", str(out)]
    limits = ["--memory-limit", str(MEMORY_MIB), "--time-limit", str(CHECK_SECONDS)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with subprocess.Popen(
        [str(python), *words, *limits],
        cwd=root / "source",
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,  # so that what it started can be ended with it
    ) as process:
        try:
            _, said = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return f"it did not end within {SECONDS} seconds"
    print(said, file=sys.stderr)
    last = ([line for line in said.splitlines() if line.strip()] or ["it said nothing"])[-1]
    return f"it ended with exit code {process.returncode}: {last}" if process.returncode not in (0, 1) else "Graded."


def graded(out: Path) -> dict[str, object] | None:
    """The results.json that the grader wrote; None if there is none that can be used."""
    try:
        results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return results if isinstance(results, dict) and "score" in results else None


def unfinished(why: str) -> dict[str, object]:
    """The result of a submission that has no mark. The platform asks for a number."""
    return {
        "score": 0,
        "output": "The grader did not finish, so these 0 points are not a mark. Tell your instructor, who can grade "
        f"again. The reason: {why[:_LONGEST]}",
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "extra_data": {"verdict": "error"},
        "tests": [],
    }


def write(target: Path, results: dict[str, object]) -> None:
    """Replace results.json as a whole."""
    begun = target.with_name(".results.json.begun")
    begun.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    begun.replace(target)


if __name__ == "__main__":
    sys.exit(main())
