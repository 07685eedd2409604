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
from functools import partial
from pathlib import Path

from grader.api import grade
from grader.builder import Submission
from grader.checks import all_checks
from grader.model import Check, Example, Finding, Report, Status
from grader.rubric import DEFAULT_RUBRIC


@dataclass(frozen=True)
class Case:
    """An example, the check that it belongs to, and the others that must fail it: `also`.

    A mutant has one mistake, which its check must fail; what is no mutant is a correct variant.
    """

    check: Check
    example: Example
    is_mutant: bool
    also: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What the grader said of one case. `unexpected` is empty when it said what it should, else one line a check."""

    case: Case
    caught_by: tuple[str, ...]
    unexpected: tuple[str, ...]

    @property
    def is_caught(self) -> bool:
        """Whether the check that the example belongs to failed."""
        return self.case.check.id in self.caught_by


def cases() -> list[Case]:
    """Every example, mutants first.

    Raises:
        TypeError: a check's `also_fails` names no example.
    """
    checks = all_checks().values()
    examples = [(check, example, True) for check in checks for example in check.failing]
    examples += [(check, example, False) for check in checks for example in check.passing]
    names = {example.name for _, example, _ in examples}
    for check in checks:
        unknown = [name for name in check.also_fails if name not in names]
        if unknown:
            raise TypeError(
                f"check {check.id}: also_fails names {', '.join(unknown)}, and no check has such an example"
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
    """The outcome of every case, or of those whose examples are named, in the order of `cases()`.

    `workers` processes grade them, as many as there are cores if it is None.
    """
    known = cases()
    chosen = [at for at, case in enumerate(known) if names is None or case.example.name in names]
    workers = min(workers or os.cpu_count() or 1, len(chosen))
    grade_one = partial(_grade_case, rubric=rubric)
    if workers <= 1:
        return [Outcome(known[at], *grade_one(at)) for at in chosen]
    # Numbers go to the workers and texts come back: the functions of an example cannot be pickled. Forked from a server
    # that has one thread only: the caller may have more, Arrow's for one.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(workers, context) as pool:
        graded = pool.map(grade_one, chosen, chunksize=4)
        return [Outcome(known[at], *said) for at, said in zip(chosen, graded, strict=True)]


def _grade_case(at: int, rubric: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`caught_by` and `unexpected` of a case by its number in `cases()`; it may break, and the others go on."""
    with tempfile.TemporaryDirectory(prefix="food-orders-fidelity-") as folder:
        try:
            outcome = run_case(cases()[at], Path(folder), rubric)
        except Exception:  # noqa: BLE001 - whatever it is, it is shown under the name of the example
            return (), (traceback.format_exc(),)
    return outcome.caught_by, outcome.unexpected


def run_case(case: Case, folder: Path, rubric: Path = DEFAULT_RUBRIC) -> Outcome:
    """Build the case's example in an empty folder, grade it, and compare."""
    check, example = case.check, case.example
    submission = Submission(folder)
    example.build(submission)
    submission.build()
    findings = {finding.id: finding for finding in grade_submission(submission, rubric).findings}
    failed = tuple(finding.id for finding in findings.values() if finding.status is Status.FAIL)
    wanted = {check.id, *case.also} if case.is_mutant else set(case.also)
    lines = [f"{name} failed too: {_said(findings[name])}" for name in failed if name not in wanted]
    lines += [f"{name} did not fail but {_said(findings[name])}" for name in sorted(wanted - set(failed))]
    lines += [f"{f.id} broke: {f.actual}" for f in findings.values() if f.status is Status.ERROR]
    if not case.is_mutant:
        advised = [name for name in failed if not findings[name].is_advice]
        lines += [f"{name} fails a correct submission" for name in advised]
        needless = [f for f in findings.values() if f.status is Status.SKIP and not f.lacks_evidence]
        lines += [f"{finding.id} was not judged: {finding.actual}" for finding in needless if not case.also]
    if example.says and check.id in failed and example.says not in _said(findings[check.id]):
        lines.append(f"{check.id} does not say {example.says!r} but {_said(findings[check.id])}")
    return Outcome(case, failed, tuple(lines))


def grade_submission(submission: Submission, rubric: Path = DEFAULT_RUBRIC) -> Report:
    """The report on a built submission, with the rows that it inserted as those of Postgres."""
    with grade(submission.folder, database=submission.database(), rubric=rubric) as graded:
        return graded.report


def _said(finding: Finding) -> str:
    rows = "; ".join(_row(row) for row in finding.samples)
    return f"{finding.status.value}: {finding.actual}" + (f" [{rows}]" if rows else "")


def _row(row: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in row.items())
