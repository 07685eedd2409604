"""Judges evidence by a rubric, and makes the report."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace

from grader import KIT_VERSION
from grader.evidence import Evidence
from grader.limits import OnStep, TimeLimitError
from grader.model import (
    DID_NOT_END,
    NO_EVIDENCE,
    NOT_JUDGED,
    Check,
    Fact,
    Finding,
    Mismatch,
    NoEvidence,
    Report,
    Status,
    Undecided,
)
from grader.rubric import Rubric

OnError = Callable[[str], None]  # gets the traceback if the grader itself broke
FIGURES = "the figures"  # what `on_step` gets in addition to the ids of checks


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
    """Judge every check of the rubric, in the rubric's order.

    `strict` fails a check that has marks but no evidence, unless the evidence is there and undecided.
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
    listed = explained(listed, lambda cause, effect: _explains(checks[cause], effect, evidence, on_error))
    on_step(FIGURES)
    settings = evidence.config.settings
    return Report(
        submission,
        KIT_VERSION,
        rubric.sha256,
        _facts(evidence, on_error),
        listed,
        evidence.assumptions,
        (settings.rollnumber or None) if settings else None,
        rubric.unjudged,
    )


def explained(findings: tuple[Finding, ...], explains: Callable[[str, str], bool]) -> tuple[Finding, ...]:
    """The findings, each failure with the cause that explains it, if that failed too.

    `explains(cause, effect)`: whether the failure of one check explains that of the other. Of several causes the first
    in the order of `findings` counts, and then the cause of that one. A check that `strict` fails for its lack of
    evidence is no cause and has none.
    """
    failed = [f.id for f in findings if f.status is Status.FAIL and not (f.actual or "").startswith(NO_EVIDENCE)]
    causes = {one: next((cause for cause in failed if explains(cause, one)), None) for one in failed}

    def first_cause(check_id: str) -> str | None:
        cause = causes.get(check_id)
        return None if cause is None else first_cause(cause) or cause

    return tuple(replace(finding, explained_by=first_cause(finding.id)) for finding in findings)


def _explains(cause: Check, effect: str, evidence: Evidence, on_error: OnError) -> bool:
    """Whether the evidence agrees. If that cannot be found out, the effect keeps its own next step."""
    if effect not in cause.explains:
        return False
    try:
        return cause.explains[effect](evidence)
    except (Mismatch, NoEvidence):
        return False
    except Exception:  # noqa: BLE001 - the findings are valid without their causes
        on_error(traceback.format_exc())
        return False


def ungraded(
    submission: str, checks: Mapping[str, Check], rubric: Rubric, why: str, rollnumber: str | None = None
) -> Report:
    """The report on a submission whose grading did not finish: every check in status ERROR, with the reason `why`."""
    actual = f"{DID_NOT_END}{why}"
    findings = (
        Finding(id_, checks[id_].title, Status.ERROR, 0.0, points, None, actual, (), checks[id_].hint, checks[id_].doc)
        for id_, points in rubric.points.items()
    )
    return Report(
        submission,
        KIT_VERSION,
        rubric.sha256,
        {},
        tuple(findings),
        rollnumber=rollnumber,
        unjudged=rubric.unjudged,
    )


def _facts(evidence: Evidence, on_error: OnError) -> Mapping[str, Fact]:
    try:
        return evidence.facts()
    except Exception:  # noqa: BLE001 - the findings are valid without the figures, and say what broke
        on_error(traceback.format_exc())
        return {}


def _part(max_points: float, partial: float, share: float) -> float:
    """The marks of a failed check: the rubric's `partial` part of them, times the share that was right.

    Cut, not rounded, to hundredths of a mark. So one wrong row of a million costs something too.
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
    hint = check.hint
    if unmet:
        status, points = Status.SKIP, 0.0
        if all(need.lacks_evidence for need in unmet):
            actual = unmet[0].actual  # the same evidence is missing for this check
        else:
            actual = f"{NOT_JUDGED}{', '.join(need.id for need in unmet)} did not pass"
    else:
        try:
            check.judge(evidence)
        except Mismatch as mismatch:
            status, points = Status.FAIL, _part(max_points, partial, mismatch.share)
            expected, actual, samples = mismatch.expected, mismatch.actual, mismatch.samples
            hint = mismatch.hint or hint
        except NoEvidence as nothing:
            fails = strict and max_points > 0 and not isinstance(nothing, Undecided)
            status, points = (Status.FAIL if fails else Status.SKIP), 0.0
            expected, actual = ("evidence" if fails else None), f"{NO_EVIDENCE}{nothing}"
        except TimeLimitError as limit:
            status, points, actual = Status.ERROR, 0.0, f"{DID_NOT_END}{limit}"
        except Exception as error:  # noqa: BLE001 - a mistake of the grader must not cost the student anything
            on_error(traceback.format_exc())
            status, points, actual = Status.ERROR, 0.0, f"the grader broke: {type(error).__name__}: {error}"
    return Finding(check.id, check.title, status, points, max_points, expected, actual, samples, hint, check.doc)
