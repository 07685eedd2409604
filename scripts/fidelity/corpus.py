"""The grader measured: every example of a check built, graded, and compared with what is said of it.

The corpus is the checks' own examples, so that a check and what it is held to are read and changed in one place.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import traceback
from collections.abc import Collection, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from grader.checks import all_checks
from grader.grading import grade
from grader.model import Check, Example, Finding, Report, Status
from grader.rubric import DEFAULT_RUBRIC, Rubric, load_rubric
from grader.submission import Submission


@dataclass(frozen=True)
class Outcome:
    """What the grader said of one example. `unexpected` is empty when it said what it should, else one line a check."""

    check: Check
    example: Example
    is_mutant: bool
    caught_by: tuple[str, ...]
    unexpected: tuple[str, ...]


def cases() -> list[tuple[Check, Example, bool]]:
    """Every example: its check, itself, and whether it is a mutant (else a correct variant)."""
    checks = all_checks().values()
    mutants = [(check, example, True) for check in checks for example in check.failing]
    return mutants + [(check, example, False) for check in checks for example in check.passing]


def grade_corpus(names: Collection[str] | None = None, workers: int | None = None) -> list[Outcome]:
    """The outcome of every example, or of those named, in the order of `cases()`.

    `workers` processes grade them, as many as there are cores if it is None.
    """
    chosen = [at for at, (_, example, _) in enumerate(cases()) if names is None or example.name in names]
    workers = min(workers or os.cpu_count() or 1, len(chosen))
    if workers <= 1:
        return [_outcome(at, *_grade_case(at)) for at in chosen]
    # Numbers go to the workers and texts come back: the functions of an example cannot be pickled. Forked from a server
    # that has one thread only: the caller may have more, Arrow's for one.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(workers, context) as pool:
        graded = pool.map(_grade_case, chosen, chunksize=4)
        return [_outcome(at, *said) for at, said in zip(chosen, graded, strict=True)]


def _grade_case(at: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`caught_by` and `unexpected` of an example by its number in `cases()`; it may break, and the others go on."""
    with tempfile.TemporaryDirectory(prefix="food-orders-fidelity-") as folder:
        try:
            outcome = run_case(*cases()[at], Path(folder))
        except Exception:  # noqa: BLE001 - whatever it is, it is shown under the name of the example
            return (), (traceback.format_exc(),)
    return outcome.caught_by, outcome.unexpected


def _outcome(at: int, caught_by: tuple[str, ...], unexpected: tuple[str, ...]) -> Outcome:
    return Outcome(*cases()[at], caught_by, unexpected)


def run_case(check: Check, example: Example, is_mutant: bool, folder: Path) -> Outcome:
    """Build the example in an empty folder and grade it."""
    submission = Submission(folder)
    example.build(submission)
    submission.build()
    findings = {finding.id: finding for finding in grade_submission(submission).findings}
    failed = tuple(finding.id for finding in findings.values() if finding.status is Status.FAIL)
    wanted = {check.id, *example.also} if is_mutant else set(example.also)
    lines = [f"{name} failed too: {_said(findings[name])}" for name in failed if name not in wanted]
    lines += [f"{name} did not fail but {_said(findings[name])}" for name in sorted(wanted - set(failed))]
    lines += [f"{f.id} broke: {f.actual}" for f in findings.values() if f.status is Status.ERROR]
    if not is_mutant:
        advised = [name for name in failed if not findings[name].is_advice]
        lines += [f"{name} fails a correct submission" for name in advised]
        needless = [f for f in findings.values() if f.status is Status.SKIP and not f.lacks_evidence]
        lines += [f"{finding.id} was not judged: {finding.actual}" for finding in needless if not example.also]
    if example.says and check.id in failed and example.says not in _said(findings[check.id]):
        lines.append(f"{check.id} does not say {example.says!r} but {_said(findings[check.id])}")
    return Outcome(check, example, is_mutant, failed, tuple(lines))


def grade_submission(submission: Submission) -> Report:
    """The report on a built submission, by the course's own rubric."""
    return grade(submission.evidence(), "example", all_checks(), _rubric())


@cache
def _rubric() -> Rubric:
    return load_rubric(DEFAULT_RUBRIC, all_checks())


def _said(finding: Finding) -> str:
    rows = "; ".join(_row(row) for row in finding.samples)
    return f"{finding.status.value}: {finding.actual}" + (f" [{rows}]" if rows else "")


def _row(row: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in row.items())
