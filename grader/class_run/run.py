"""Grades many submissions at once. Each result is kept as soon as it is there. No submission can stop the others."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from grader.api import unfinished
from grader.class_run.discovery import Found
from grader.class_run.fingerprints import Fingerprints
from grader.class_run.names import rollnumber_in_path
from grader.class_run.record import Record, Store, inputs_of, sizes
from grader.class_run.task import Graded, GradeOne
from grader.model import Status
from grader.renderers import ADVICE, number, one_line
from grader.renderers import json as json_renderer
from grader.renderers.files import write_reports
from grader.rubric import Rubric

_LONGEST_NOTE = 300
_WAIT = 0.2  # seconds between two calls of `on_wait`
ALONE = "graded again alone, because the machine may have been too busy"


@dataclass(frozen=True)
class ClassRun:
    """How the submissions of a class are graded: where results go, by which rubric, and by which function.

    `mode` says what else a result depends on, such as evidence alone or a live run.
    """

    store: Store
    rubric_path: Path
    rubric: Rubric
    mode: str
    grade_one: GradeOne

    def inputs(self, found: Found) -> str:
        return inputs_of(found, self.rubric.sha256, self.mode)

    def grade(
        self,
        submissions: Sequence[Found],
        workers: int,
        on_result: Callable[[Found, Record], None],
        on_wait: Callable[[], None] = lambda: None,
    ) -> None:
        """Grade the submissions, `workers` at a time. `on_result` gets each result when it is kept.

        A submission that failed for want of memory or time is graded again at the end, alone. `on_wait` is called
        several times a second. Both are called in the caller's thread.

        Raises:
            OSError: a result cannot be written, for example because the disk is full. What was kept stays.
        """
        again = list[Found]()
        stop = threading.Event()

        for some, at_once, is_last in ((list(submissions), workers, False), (again, 1, True)):
            done = SimpleQueue[Future[Record | None]]()
            pool = ThreadPoolExecutor(max(1, at_once))
            try:
                running = {pool.submit(self._grade_and_keep, found, stop, is_last): found for found in some}
                for future in running:
                    future.add_done_callback(done.put)
                while running:
                    with contextlib.suppress(Empty):
                        future = done.get(timeout=_WAIT)
                        found, record = running.pop(future), future.result()
                        if record is None:
                            again.append(found)
                        else:
                            on_result(found, record)
                    on_wait()
            except BaseException:
                stop.set()  # the gradings that run are not waited for: who opened `grade_one` ends them
                raise
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _grade_and_keep(self, found: Found, stop: threading.Event, is_last: bool) -> Record | None:
        """The result, which is kept; None if the submission should be tried again alone, or the run was stopped."""
        if stop.is_set():
            return None
        work = self.store.work(found)
        graded = self._graded(found, work)
        if stop.is_set() or (graded.is_machine_fault and not is_last):
            return None
        if is_last:
            graded = replace(graded, note="; ".join(filter(None, (graded.note, ALONE))))
        if graded.problem is not None or not (work / json_renderer.FILE_NAME).is_file():
            self._write_unfinished(found, work, graded.problem or "it wrote no report")
        record = self._record(found, work, graded)
        self.store.keep(found, work, record)
        return record

    def _graded(self, found: Found, work: Path) -> Graded:
        try:
            return self.grade_one(found, work)
        except Exception as error:  # noqa: BLE001 - a mistake of the grader costs this submission only, and no marks
            return Graded(0.0, problem=f"the grader broke: {type(error).__name__}: {error}")

    def _write_unfinished(self, found: Found, work: Path, why: str) -> None:
        report = unfinished(found.path, why, rubric=self.rubric_path)
        write_reports(report, None, work, datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"))

    def _record(self, found: Found, work: Path, graded: Graded) -> Record:
        report = json.loads((work / json_renderer.FILE_NAME).read_text(encoding="utf-8"))
        checks: list[dict[str, Any]] = report["checks"]
        is_decided = report["verdict"] != "error" and report["max_score"] > 0
        notes = [graded.note, _first_to_fix(checks) if is_decided else _why_undecided(checks, graded.problem)]
        return Record(
            inputs=self.inputs(found),
            submission=one_line(found.name),
            verdict=report["verdict"],
            score=report["score"] if is_decided else None,
            max_score=report["max_score"] if is_decided else None,
            rollnumber=one_line(report["rollnumber"]) if report["rollnumber"] else None,
            producer=self._marks("producer", checks) if graded.producer is None else graded.producer,
            consumer=self._marks("consumer", checks) if graded.consumer is None else graded.consumer,
            seconds=round(graded.seconds, 3),
            note=one_line("; ".join(filter(None, notes)), _LONGEST_NOTE),
            checks={check["id"]: _word(check) for check in checks},
            losses={
                check["id"]: round(check["max_points"] - check["points"], 4) for check in checks if _is_judged(check)
            },
            files=dict(sizes(work)),
            fingerprints=_with_name(found, graded.fingerprints),
        )

    def _marks(self, program: str, checks: Sequence[dict[str, Any]]) -> str:
        """The marks of a program's checks: "9.5 of 9.75", of those that could be judged; "" if none could."""
        judged = [check for check in checks if _is_judged(check) and self.rubric.programs.get(check["id"]) == program]
        earned, total = (round(sum(check[key] for check in judged), 2) for key in ("points", "max_points"))
        return f"{number(earned)} of {number(total)}" if total else ""


def _with_name(found: Found, prints: Fingerprints) -> Fingerprints:
    """The fingerprints, with the roll number in the name of the file or folder."""
    in_name = rollnumber_in_path(found.name)
    named = {"name of the submission": in_name} if in_name else {}
    return prints.model_copy(update={"rollnumbers": {**prints.rollnumbers, **named}})


def _is_judged(check: dict[str, Any]) -> bool:
    lacks_evidence = check["status"] == Status.SKIP.value and (check["actual"] or "").startswith("no evidence: ")
    return check["status"] != Status.ERROR.value and not lacks_evidence


def _word(check: dict[str, Any]) -> str:
    is_advice = check["max_points"] == 0 and check["status"] == Status.FAIL.value
    return ADVICE if is_advice else str(check["status"])


def _first_to_fix(checks: Sequence[dict[str, Any]]) -> str:
    """The first failure that no other one explains: the check, and what it found."""
    failed = [check for check in checks if _word(check) == Status.FAIL.value and check["explained_by"] is None]
    effects = {check["explained_by"] for check in checks}
    first = next((check for check in failed if check["id"] in effects), failed[0] if failed else None)
    return f"{first['id']}: {first['actual']}" if first else ""


def _why_undecided(checks: Sequence[dict[str, Any]], problem: str | None) -> str:
    broken = next((check["actual"] for check in checks if check["status"] == Status.ERROR.value), None)
    return problem or broken or "nothing could be judged"
