"""configs/rubric.yml: the marks of each check. No other file of the grader contains marks."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from configs.errors import KitError
from configs.settings import PROJECT
from grader.model import Unjudged

DEFAULT_RUBRIC = PROJECT / "configs" / "rubric.yml"
ADVICE = "advice"


class RubricError(KitError):
    """The rubric cannot be used. The message names the file and the check, and says what to do."""

    exit_code = 2


@dataclass(frozen=True)
class Rubric:
    """check id -> marks, in the rubric's order. `programs` is check id -> program; advice has no marks.

    - `partial`: the part of its marks, from 0 to 1, that a failed check can still earn if it counts something.
    - `unjudged`: what becomes of the marks of checks that could not be judged.
    """

    points: Mapping[str, float]
    programs: Mapping[str, str]
    sha256: str
    partial: float = 0.0
    unjudged: Unjudged = "scale"


Marks = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


class _Document(BaseModel):
    """The file: `totals: {program: marks}`, `partial`, `unjudged`, `advice: [check]`, and `check: marks` per program.

    `totals` names the programs, so their keys are extra keys of this model.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, dict[str, Marks]] = Field(init=False)

    totals: Annotated[dict[str, Annotated[float, Field(strict=True, ge=0)]], Field(min_length=1)]
    partial: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.0
    unjudged: Unjudged = "scale"
    advice: Annotated[tuple[str, ...], BeforeValidator(lambda value: () if value is None else value)] = ()


def load_rubric(path: Path, known: Collection[str]) -> Rubric:
    """Read a rubric: `totals`, a mapping `check: marks` per program, `advice`, `partial` and `unjudged`.

    Without `partial` it is 0; without `unjudged` it is `scale`.

    Raises:
        RubricError: the file cannot be read, a total is wrong, or a check is unknown, missing or named twice.
    """
    try:
        content = path.read_bytes()
        document = yaml.safe_load(content)
    except OSError as error:
        raise RubricError(f"{path}: cannot be read ({error.strerror}). Name a rubric with --rubric path") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RubricError(f"{path}: not valid YAML: {error}") from None
    try:
        valid = _Document.model_validate(document)
    except ValidationError as error:
        raise RubricError(f"{path}: {_problem(error)}") from None
    sections: list[tuple[str, Mapping[str, float]]] = [
        (program, dict.fromkeys(valid.advice, 0.0) if program == ADVICE else valid.__pydantic_extra__[program])
        for program in document
        if program not in ("totals", "partial", "unjudged")
    ]
    _require_complete(path, sections, valid.totals, known)
    return Rubric(
        points={check: mark for _, marks in sections for check, mark in marks.items()},
        programs={check: program for program, marks in sections for check in marks},
        sha256=hashlib.sha256(content).hexdigest(),
        partial=valid.partial,
        unjudged=valid.unjudged,
    )


def _problem(error: ValidationError) -> str:
    """The first problem, in words for the person who wrote the file."""
    first = error.errors(include_url=False)[0]
    value: Any = first["input"]
    match first["loc"]:
        case () | ("totals",):
            return "`totals` is missing; expected the marks of each program, such as producer: 10"
        case ("partial",):
            return f"partial is {value!r}; expected a number from 0 to 1"
        case ("unjudged",):
            return f"unjudged is {value!r}; expected scale, zero or exclude"
        case ("totals", program):
            return f"totals.{program} is {value!r}; expected marks"
        case ("advice", *_):
            return f"advice contains {value!r}; expected a list of checks"
        case (program,):
            return f"{program} is not a mapping of checks to marks"
        case (program, check):
            return f"{program}.{check} is {value!r}; expected marks above 0, or list it in advice"
        case place:
            return f"{'.'.join(map(str, place))} is {value!r}: {first['msg']}"


def _require_complete(
    path: Path,
    sections: Collection[tuple[str, Mapping[str, float]]],
    totals: Mapping[str, float],
    known: Collection[str],
) -> None:
    """Require every known check once, every program in `totals`, and the right sum of marks per program."""
    unlisted = [program for program, _ in sections if program != ADVICE and program not in totals]
    if unlisted:
        raise RubricError(f"{path}: {unlisted[0]} is not in `totals`; add its total there, or correct its name")
    named = Counter(check for _, marks in sections for check in marks)
    twice = [check for check, count in named.items() if count > 1]
    unknown, missing = sorted(set(named) - set(known)), sorted(set(known) - set(named))
    if twice:
        raise RubricError(f"{path}: {twice[0]} is named twice; remove one of them")
    if unknown:
        raise RubricError(
            f"{path}: no check has the id {', '.join(unknown)}; `.venv/bin/python -m grader checks` lists them"
        )
    if missing:
        them, has = ("it", "has") if len(missing) == 1 else ("them", "have")
        raise RubricError(f"{path}: {', '.join(missing)} {has} no marks; give {them} marks, or list {them} in {ADVICE}")
    for program, total in totals.items():
        given = round(sum(dict(sections).get(program, {}).values()), 6)
        if given != total:
            raise RubricError(f"{path}: the marks of {program} add up to {given:g}, but `totals` says {total:g}")
