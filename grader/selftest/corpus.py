"""Measures the grader: builds and grades every example of the checks, and compares the findings with the expected ones.

The corpus is the examples in the checks' own files, so a check and its examples are read and changed in one place.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import traceback
from collections.abc import Collection, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from grader.api import grade
from grader.builder import Submission
from grader.checks import all_checks
from grader.model import Check, Example, Finding, Report, Status
from grader.renderers import to_fix
from grader.rubric import DEFAULT_RUBRIC


@dataclass(frozen=True)
class Case:
    """An example, the check that it belongs to, and the other checks that must fail it: `also`.

    A mutant has one mistake, and its check must fail. Other examples are correct variants.
    """

    check: Check
    example: Example
    is_mutant: bool
    also: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """The findings on one case.

    `first` is the id of the first check in the report that did not pass; "" if every one passed. `unexpected` has one
    line per check with an unexpected finding.
    """

    case: Case
    caught_by: tuple[str, ...]
    first: str
    unexpected: tuple[str, ...]

    @property
    def is_caught(self) -> bool:
        """Whether the example's own check failed."""
        return self.case.check.id in self.caught_by

    @property
    def is_first(self) -> bool:
        """Whether a reader of the report sees the example's own check first."""
        return self.case.check.id == self.first


def cases() -> list[Case]:
    """Every example, mutants first.

    Raises:
        TypeError: a name in a check's `also_fails` is not an example.
    """
    checks = all_checks().values()
    examples = [(check, example, True) for check in checks for example in check.failing]
    examples += [(check, example, False) for check in checks for example in check.passing]
    names = {example.name for _, example, _ in examples}
    for check in checks:
        unknown = [name for name in check.also_fails if name not in names]
        if unknown:
            raise TypeError(
                f"check {check.id}: also_fails names {', '.join(unknown)}, but no check has an example with this name"
            )
    return [
        Case(
            owner,
            example,
            is_mutant,
            (*example.also, *(check.id for check in checks if example.name in check.also_fails and check is not owner)),
        )
        for owner, example, is_mutant in examples
    ]


def grade_corpus(
    names: Collection[str] | None = None, workers: int | None = None, rubric: Path = DEFAULT_RUBRIC
) -> list[Outcome]:
    """The outcome of every case, or only of the examples in `names`, in the order of `cases()`.

    `workers` is the number of processes; None: one per core.
    """
    known = cases()
    chosen = [at for at, case in enumerate(known) if names is None or case.example.name in names]
    workers = min(workers or os.cpu_count() or 1, len(chosen))
    grade_one = partial(_grade_case, rubric=rubric)
    if workers <= 1:
        return [Outcome(known[at], *grade_one(at)) for at in chosen]
    # The functions of an example cannot be pickled, so the workers get numbers and return texts. They are forked from a
    # server with only one thread, because the caller may have more, for example those of Arrow.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(workers, context) as pool:
        graded = pool.map(grade_one, chosen, chunksize=4)
        return [Outcome(known[at], *result) for at, result in zip(chosen, graded, strict=True)]


def _grade_case(at: int, rubric: Path) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """`caught_by`, `first` and `unexpected` of the case with this number in `cases()`.

    An error does not stop the others.
    """
    with tempfile.TemporaryDirectory(prefix="food-orders-fidelity-") as folder:
        try:
            outcome = run_case(cases()[at], Path(folder), rubric)
        except Exception:  # noqa: BLE001 - every error is shown under the name of the example
            return (), "", (traceback.format_exc(),)
    return outcome.caught_by, outcome.first, outcome.unexpected


def run_case(case: Case, folder: Path, rubric: Path = DEFAULT_RUBRIC) -> Outcome:
    """Build the case's example in an empty folder, grade it, and compare."""
    check, example = case.check, case.example
    submission = Submission(folder)
    example.build(submission)
    submission.build()
    report = grade_submission(submission, rubric)
    first = next((finding.id for finding in to_fix(report)), "")
    findings = {finding.id: finding for finding in report.findings}
    failed = tuple(finding.id for finding in findings.values() if finding.status is Status.FAIL)
    expected = {check.id, *case.also} if case.is_mutant else set(case.also)
    lines = [f"{name} failed too: {_text(findings[name])}" for name in failed if name not in expected]
    lines += [f"{name} did not fail: {_text(findings[name])}" for name in sorted(expected - set(failed))]
    lines += [f"{f.id} broke: {f.actual}" for f in findings.values() if f.status is Status.ERROR]
    if not case.is_mutant:
        advised = [name for name in failed if not findings[name].is_advice]
        lines += [f"{name} fails a correct submission" for name in advised]
        needless = [f for f in findings.values() if f.status is Status.SKIP and not f.lacks_evidence]
        lines += [f"{finding.id} was not judged: {finding.actual}" for finding in needless if not case.also]
    if example.says and check.id in failed and example.says not in _text(findings[check.id]):
        lines.append(f"{check.id} does not say {example.says!r}: {_text(findings[check.id])}")
    return Outcome(case, failed, first, tuple(lines))


def grade_submission(submission: Submission, rubric: Path = DEFAULT_RUBRIC) -> Report:
    """The report on a built submission, graded with the rows that it inserted as the database."""
    with grade(submission.folder, database=submission.database(), rubric=rubric) as graded:
        return graded.report


def _text(finding: Finding) -> str:
    rows = "; ".join(_row(row) for row in finding.samples)
    return f"{finding.status.value}: {finding.actual}" + (f" [{rows}]" if rows else "")


def _row(row: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in row.items())
