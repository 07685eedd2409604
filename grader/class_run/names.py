"""What a file's name says about who handed it in, and names that are safe for results and spreadsheets.

The names that learning management systems give to downloaded submissions:

- Canvas: `<name>_<user id>_<submission id>_<file>`, with `_LATE` after the name; the name is the last name, then the
  first, without blanks
- Moodle: `<name>_<participant id>_assignsubmission_file_`, a folder, or with a file's name after it
- Blackboard: `<assignment>_<user name>_attempt_<date>_<file>`
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from grader.renderers import printable

# Folders that no student wrote.
PASSED_OVER = frozenset({".git", ".venv", "venv", "node_modules", "__pycache__", "site-packages", "__MACOSX"})
_CANVAS = re.compile(r"(?P<name>.+?)(?P<late>_LATE)?_(?P<user>\d{2,})_\d{3,}_.+", re.IGNORECASE | re.DOTALL)
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<participant>\d+)_assignsubmission_(?:file|onlinetext)(?:_.*)?", re.DOTALL)
_BLACKBOARD = re.compile(r".+_(?P<login>[^_]+)_attempt_\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d(?:_.*|\..*)?", re.DOTALL)
_ROLLNUMBER = re.compile(r"\d{4}[a-z]{1,6}\d{3,}|[a-z]{1,6}\d{5,}", re.IGNORECASE)
_LATE = re.compile(r"(?<![a-z])late(?![a-z])", re.IGNORECASE)
_NOT_IN_A_NAME = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]')
_LONGEST_NAME = 100  # bytes of a result folder's name; file systems allow 255, and the reports' names follow it
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r")


@dataclass(frozen=True)
class LmsName:
    """Who handed a file in, by the name that a learning management system gave it.

    `canvas_id`, `login` and `participant`, Moodle's, are the system's own ids; None if the name has none.
    """

    name: str | None = None
    canvas_id: str | None = None
    login: str | None = None
    is_late: bool = False
    participant: str | None = None


def lms_name(file_name: str) -> LmsName | None:
    """What a learning management system wrote into a file's or folder's name; None for another name."""
    if found := _MOODLE.fullmatch(file_name):
        return LmsName(name=found["name"], participant=found["participant"])
    if found := _BLACKBOARD.fullmatch(file_name):
        return LmsName(login=found["login"])
    if found := _CANVAS.fullmatch(file_name):
        return LmsName(name=found["name"], canvas_id=found["user"], is_late=found["late"] is not None)
    return None


def rollnumber_in(file_name: str) -> str | None:
    """What looks like a roll number in a name, such as 2025em1100471; None if there is none.

    The ids of a learning management system are no roll numbers.
    """
    return next((word for word in re.split(r"[^A-Za-z0-9]+", file_name) if _ROLLNUMBER.fullmatch(word)), None)


def rollnumber_in_path(path: str) -> str:
    """`rollnumber_in` of the innermost file or folder that has one; "" if none has."""
    return next((found for part in reversed(path.split("/")) if (found := rollnumber_in(part))), "")


def is_late(path: str) -> bool:
    """Whether a folder or file of the path is marked as late."""
    lms = [lms_name(part) for part in path.split("/")]
    return any(one is not None and one.is_late for one in lms) or _LATE.search(path) is not None


def letters(text: str) -> str:
    """The text's letters and digits in lower case, without accents: how names and roll numbers are compared."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def safe_name(name: str, unique: str) -> str:
    """A folder's name that every file system takes. A name that had to change ends with a short hash of `unique`."""
    safe = _NOT_IN_A_NAME.sub("_", printable(name)).strip(" .")
    cut = safe.encode()[:_LONGEST_NAME].decode(errors="ignore").strip(" .")
    return cut if cut == name else with_hash(cut or "submission", unique)


def with_hash(name: str, unique: str) -> str:
    """The name with a hash of `unique` after it."""
    return f"{name}-{hashlib.sha256(unique.encode(errors='surrogateescape')).hexdigest()[:8]}"


def cell(value: object) -> object:
    """A value for a spreadsheet. Text that would be a formula gets an apostrophe in front, so that it stays text."""
    if not isinstance(value, str):
        return "" if value is None else value
    return f"'{value}" if value.startswith(_FORMULA) else value
