"""configs/rubric.yml: the marks of each check. Nothing else in the grader knows a number of marks."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from configs.errors import KitError
from configs.settings import PROJECT

DEFAULT_RUBRIC = PROJECT / "configs" / "rubric.yml"
ADVICE = "advice"


class RubricError(KitError):
    """The rubric cannot be used: the message names file and check, and what to do."""

    exit_code = 2


@dataclass(frozen=True)
class Rubric:
    """check id -> marks, in the rubric's order; `programs` says whose marks they are (advice has none).

    `partial` is the part of its marks, from 0 to 1, that a failed check which counts something can still earn.
    """

    points: Mapping[str, float]
    programs: Mapping[str, str]
    sha256: str
    partial: float = 0.0


def load_rubric(path: Path, known: Collection[str]) -> Rubric:
    """Read a rubric: `totals: {program: marks}`, one mapping `check: marks` a program, `advice: [check]`, and
    `partial`, which may be left out for 0.

    Raises:
        RubricError: the file cannot be read, a total is not met, or a check is unknown, missing or named twice.
    """
    try:
        content = path.read_bytes()
        document = yaml.safe_load(content)
    except OSError as error:
        raise RubricError(f"{path}: cannot be read ({error.strerror}). Name a rubric with --rubric path") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RubricError(f"{path}: not valid YAML: {error}") from None
    totals = document.pop("totals", None) if isinstance(document, dict) else None
    if not isinstance(totals, dict) or not totals:
        raise RubricError(f"{path}: `totals` is missing; expected the marks of each program, such as producer: 10")
    partial = document.pop("partial", 0)
    if isinstance(partial, bool) or not isinstance(partial, (int, float)) or not 0 <= partial <= 1:
        raise RubricError(f"{path}: partial is {partial!r}; expected a number from 0 to 1")
    points: dict[str, float] = {}
    programs: dict[str, str] = {}
    for program, listed in document.items():
        marks = dict.fromkeys(listed or (), 0) if program == ADVICE else listed
        if not isinstance(marks, dict) or (program != ADVICE and program not in totals):
            raise RubricError(f"{path}: {program} is not in `totals`, or is no mapping of checks to marks")
        for check, mark in marks.items():
            if check in points:
                raise RubricError(f"{path}: {check} is named twice; leave it in one place")
            if isinstance(mark, bool) or not isinstance(mark, (int, float)) or (mark <= 0 and program != ADVICE):
                raise RubricError(
                    f"{path}: {program}.{check} is {mark!r}; expected marks above 0, or list it in advice"
                )
            points[str(check)], programs[str(check)] = float(mark), str(program)
    _complete(path, points, programs, totals, known)
    return Rubric(points, programs, hashlib.sha256(content).hexdigest(), float(partial))


def _complete(
    path: Path,
    points: Mapping[str, float],
    programs: Mapping[str, str],
    totals: Mapping[str, float],
    known: Collection[str],
) -> None:
    unknown, missing = sorted(set(points) - set(known)), sorted(set(known) - set(points))
    if unknown:
        raise RubricError(f"{path}: no check has the id {', '.join(unknown)}; `python -m grader checks` lists them")
    if missing:
        raise RubricError(f"{path}: {', '.join(missing)} has no marks; give it some, or list it under {ADVICE}")
    for program, total in totals.items():
        given = round(sum(mark for check, mark in points.items() if programs[check] == program), 6)
        if given != total:
            raise RubricError(f"{path}: the marks of {program} add up to {given:g}, and `totals` says {total:g}")
