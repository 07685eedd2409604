"""Evidence and rubric in, report out."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping

from grader import KIT_VERSION
from grader.evidence import Evidence
from grader.limits import OnStep, TimeLimitError
from grader.model import DID_NOT_END, NO_EVIDENCE, Check, Fact, Finding, Mismatch, NoEvidence, Report, Status
from grader.rubric import Rubric

OnError = Callable[[str], None]  # told a traceback, when the grader itself broke
FIGURES = "the figures"  # what `on_step` gets beside the ids of checks


def judge_checks(
    evidence: Evidence,
    submission: str,
    checks: Mapping[str, Check],
    rubric: Rubric,
    *,
    strict: bool = False,
    on_error: OnError = lambda _: None,
    on_step: OnStep = lambda _: None,
) -> Report:
    """Judge every check of the rubric, in its order. `strict` fails a check that has marks and no evidence.

    `on_step` gets the id of each check before it is judged.
    """
    findings: dict[str, Finding] = {}

    def finding(check_id: str) -> Finding:
        if check_id not in findings:
            check = checks[check_id]
            unmet = [finding(need) for need in check.needs if finding(need).status is not Status.PASS]
            on_step(check_id)
            findings[check_id] = _judge(
                check, evidence, rubric.points[check_id], rubric.partial, unmet, strict, on_error
            )
        return findings[check_id]

    listed = tuple(finding(check_id) for check_id in rubric.points)
    on_step(FIGURES)
    return Report(submission, KIT_VERSION, rubric.sha256, _facts(evidence, on_error), listed, evidence.assumptions)


def ungraded(submission: str, checks: Mapping[str, Check], rubric: Rubric, why: str) -> Report:
    """The report on a submission whose grading did not end: every check in status ERROR, for the reason `why`."""
    actual = f"{DID_NOT_END}{why}"
    findings = (
        Finding(id_, checks[id_].title, Status.ERROR, 0.0, points, None, actual, (), checks[id_].hint, checks[id_].doc)
        for id_, points in rubric.points.items()
    )
    return Report(submission, KIT_VERSION, rubric.sha256, {}, tuple(findings))


def _facts(evidence: Evidence, on_error: OnError) -> Mapping[str, Fact]:
    try:
        return evidence.facts()
    except Exception:  # noqa: BLE001 - the findings stand without the figures, and say what broke
        on_error(traceback.format_exc())
        return {}


def _part(max_points: float, partial: float, share: float) -> float:
    """The marks of a failed check: of the part that the rubric lets it keep, the share that was right.

    Cut, not rounded, to hundredths of a mark, so that one wrong row of a million costs something too.
    """
    return math.floor(max_points * partial * share * 100 + 1e-9) / 100


def _judge(
    check: Check,
    evidence: Evidence,
    max_points: float,
    partial: float,
    unmet: list[Finding],
    strict: bool,
    on_error: OnError,
) -> Finding:
    status, points = Status.PASS, max_points
    expected: str | None = None
    actual: str | None = None
    samples: tuple[Mapping[str, object], ...] = ()
    if unmet:
        status, points = Status.SKIP, 0.0
        if all(need.lacks_evidence for need in unmet):
            actual = unmet[0].actual  # what is no fault of a needed check is none of this one
        else:
            actual = f"not judged: {', '.join(need.id for need in unmet)} did not pass"
    else:
        try:
            check.judge(evidence)
        except Mismatch as mismatch:
            status, points = Status.FAIL, _part(max_points, partial, mismatch.share)
            expected, actual, samples = mismatch.expected, mismatch.actual, mismatch.samples
        except NoEvidence as nothing:
            fails = strict and max_points > 0
            status, points = (Status.FAIL if fails else Status.SKIP), 0.0
            expected, actual = ("evidence" if fails else None), f"{NO_EVIDENCE}{nothing}"
        except TimeLimitError as limit:
            status, points, actual = Status.ERROR, 0.0, f"{DID_NOT_END}{limit}"
        except Exception as error:  # noqa: BLE001 - the grader's fault must not cost the student anything
            on_error(traceback.format_exc())
            status, points, actual = Status.ERROR, 0.0, f"the grader broke: {type(error).__name__}: {error}"
    return Finding(check.id, check.title, status, points, max_points, expected, actual, samples, check.hint, check.doc)
