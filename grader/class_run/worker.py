"""A process that grades one submission after the other: `python -m grader.class_run.worker`.

It gets a task as a line of JSON on stdin, and answers with lines of JSON: the steps of the grading, then its end. So
Python and pyarrow are loaded once for many submissions. It ends with its stdin, and if its parent is gone.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import TextIO

from grader.api import UsageError, grade, renamed
from grader.archive import UnpackError
from grader.checks import all_checks
from grader.class_run.fingerprints import Fingerprints, fingerprints
from grader.class_run.task import STEP_FILE, Answer, Task
from grader.limits import Limits, OnStep, TimeLimitError, step_limit
from grader.model import DID_NOT_END, Report, Status
from grader.renderers import printable
from grader.renderers.files import write_reports
from grader.rubric import Rubric, load_rubric

_PARENT_INTERVAL = 1.0  # seconds between two looks whether the parent is there
_STEP_BYTES = 120
_GUARD_INTERVAL = 1.0  # seconds; each guard starts a thread
_LAST_GRACE = 15.0  # seconds after a step's limit, in which the parent usually ends this process


def main() -> None:
    """Answer tasks until stdin ends. What the grading prints goes to stderr."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    tempfile.tempdir = sys.argv[1]
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    steps = _Steps(Path(sys.argv[1]) / STEP_FILE)
    _send(answers, "ready")
    for line in sys.stdin:
        task = Task(**json.loads(line))
        steps.guard(task.time_limit)
        answer = _answer(task, steps.begin)
        faulthandler.cancel_dump_traceback_later()
        _send(answers, answer.model_dump_json())


def _send(answers: TextIO, line: str) -> None:
    answers.write(f"{line}\n")
    answers.flush()


class _Steps:
    """Writes the step that begins to a file, where the parent reads it."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._number = 0
        self.guard(0.0)

    def guard(self, time_limit: float) -> None:
        """From the next step on, end this process if a step takes much longer than `time_limit` seconds; 0: never."""
        self._time_limit = time_limit
        self._guarded = 0.0

    def begin(self, step: str) -> None:
        self._number += 1
        os.pwrite(self._file, f"{self._number}\n{step}".encode().ljust(_STEP_BYTES, b"\0"), 0)
        now = time.monotonic()
        if self._time_limit and now - self._guarded > _GUARD_INTERVAL:
            # A call into Arrow can hold Python's lock for ever, and then the parent may be gone.
            faulthandler.dump_traceback_later(self._time_limit + _LAST_GRACE, exit=True)
            self._guarded = now


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_INTERVAL)
    os._exit(1)


def _answer(task: Task, on_step: OnStep) -> Answer:
    """Grade, and write the reports into the task's folder. Never raises: what went wrong is in the answer."""
    on_step("the archive")
    try:
        with grade(
            Path(task.root),
            database="off",
            rubric=_rubric(task.rubric),
            limits=Limits(step_seconds=task.time_limit),
            strict=task.strict,
            on_step=on_step,
        ) as graded:
            on_step("the reports")
            with step_limit(task.time_limit):
                graded_at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
                # The student need not see where the class lies on this machine.
                report = renamed(graded.report, task.root, Path(task.root).name)
                write_reports(report, graded.evidence, Path(task.out), graded_at)
            on_step("the fingerprints")
            prints = _or_none(lambda: _in_time(task.time_limit, lambda: fingerprints(graded.evidence)))
            return Answer(is_machine_fault=_may_be_the_machine(graded.report), fingerprints=prints or Fingerprints())
    except (TimeLimitError, UnpackError, MemoryError, OSError) as error:
        return Answer(problem=printable(str(error) or type(error).__name__), is_machine_fault=True)
    except UsageError as error:
        return Answer(problem=printable(str(error).replace(task.root, Path(task.root).name)))
    except Exception as error:  # noqa: BLE001 - the grader broke, which costs this submission only
        traceback.print_exc()
        return Answer(problem=printable(f"the grader broke: {type(error).__name__}: {error}"))


@cache
def _rubric(path: str) -> Rubric:
    """The rubric, read once for all submissions."""
    return load_rubric(Path(path), all_checks())


def _in_time(seconds: float, work: Callable[[], Fingerprints]) -> Fingerprints:
    with step_limit(seconds):
        return work()


def _or_none(work: Callable[[], Fingerprints]) -> Fingerprints | None:
    """The result of `work`; None if it fails. A submission without fingerprints is graded all the same."""
    try:
        return work()
    except Exception:  # noqa: BLE001 - what a stranger's files can make of a comparison must not cost a mark
        return None


def _may_be_the_machine(report: Report) -> bool:
    """Whether a check did not end for want of time or memory, which another try alone may give."""
    reasons = [finding.actual or "" for finding in report.findings if finding.status is Status.ERROR]
    return any(reason.startswith(DID_NOT_END) or "MemoryError" in reason for reason in reasons)


if __name__ == "__main__":
    main()
