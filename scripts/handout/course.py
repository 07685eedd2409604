"""configs/course.yml: what the hand-out says about the course."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from configs.errors import KitError
from configs.settings import PROJECT

DEFAULT_COURSE = PROJECT / "configs" / "course.yml"


class CourseError(KitError):
    """The course file cannot be used. The message names the file and the key, and says what to do."""

    exit_code = 2


@dataclass(frozen=True)
class Course:
    """Each text as the instructor wrote it, or the sentence that a student reads where it is missing."""

    name: str = "A course on data stores and pipelines"
    term: str = ""
    deadline: str = "Your instructor announces it."
    late: str = "Your instructor says what applies to late work."
    hand_in: str = "Your instructor says where to hand it in."
    questions: str = "Your instructor says where to ask."


KEYS = tuple(field.name for field in fields(Course))


def load_course(path: Path) -> Course:
    """Read a course file. Every value is text: a deadline stays as it was written. A key without a value is missing.

    Raises:
        CourseError: the file cannot be read, or has something else than these keys with one text each.
    """
    try:
        # BaseLoader makes no dates and numbers of texts.
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except OSError as error:
        raise CourseError(f"{path}: cannot be read ({error.strerror}). Name a course file with --course path") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        hint = "Put a text that has a colon in quotes"
        raise CourseError(f"{path}: not valid YAML: {error}. {hint}") from None
    if values is None or values == "":
        return Course()
    if not isinstance(values, dict):
        raise CourseError(f"{path}: holds no keys; expected {', '.join(KEYS)}")
    unknown = [key for key in values if key not in KEYS]
    if unknown:
        raise CourseError(f"{path}: {unknown[0]} is an unknown key; the keys are {', '.join(KEYS)}")
    for key, value in values.items():
        if not isinstance(value, str):
            raise CourseError(f"{path}: {key} has several values; write one text, in quotes if it has a colon")
    return Course(**{key: " ".join(value.split()) for key, value in values.items() if value.strip()})
