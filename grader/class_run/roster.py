"""The class's list of students, from a CSV file, and who of them handed a submission in."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from configs.errors import KitError
from grader.class_run.names import letters, lms_name

# Field -> how its column may be called, in lower case without blanks and signs.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "rollnumber": (
        *("rollnumber", "rollno", "roll", "sisuserid", "idnumber", "studentnumber", "studentid", "registrationnumber"),
        *("regno", "enrolmentnumber", "enrollmentnumber", "matriculationnumber"),
    ),
    "name": ("student", "name", "fullname", "studentname"),
    "first": ("firstname", "givenname"),
    "last": ("lastname", "surname", "familyname"),
    "login": ("sisloginid", "loginid", "login", "username", "emailaddress", "email"),
    "section": ("section", "group", "groups"),
    "email": ("emailaddress", "email", "mail"),
    "username": ("username",),
    "participant": ("identifier",),
}
_FEW_LETTERS = 5  # a shorter roll number could be in any name by accident


class RosterError(KitError):
    """The roster cannot be used; the message says what to do."""

    exit_code = 2


@dataclass(frozen=True)
class Person:
    """A student of the roster; "" for what it does not say.

    `canvas_id` is the column ID of Canvas' gradebook. `participant` is the number in Identifier of Moodle's grading
    worksheet. `login` is the name to log in with, or else the email address.
    """

    rollnumber: str = ""
    name: str = ""
    canvas_id: str = ""
    login: str = ""
    section: str = ""
    email: str = ""
    username: str = ""
    participant: str = ""

    @property
    def sort_key(self) -> tuple[str, str]:
        return self.name.casefold(), self.rollnumber


@dataclass(frozen=True)
class Roster:
    people: tuple[Person, ...] = ()

    def by_path(self, path: str) -> Person | None:
        """Who handed in the file with this path, by the names in it: LMS ids, then roll number, then name.

        The innermost name that tells counts. None if nobody fits, or more than one.
        """
        for part in reversed(path.split("/")):
            person = self._by_lms(part) or self.by_rollnumber_in(part) or self._by_name.get(_stem_letters(part))
            if person is not None:
                return person
        return None

    def by_rollnumber(self, rollnumber: str) -> Person | None:
        """Whose roll number this is, whatever its case, blanks and signs."""
        return self._by_rollnumber.get(letters(rollnumber))

    def by_rollnumber_in(self, name: str) -> Person | None:
        """Whose roll number is in a file's name. The longest one counts."""
        words = [self.by_rollnumber(word) for word in re.split(r"[^A-Za-z0-9]+", name) if word]
        whole = letters(name)
        inside = [person for roll, person in self._by_rollnumber.items() if len(roll) > _FEW_LETTERS and roll in whole]
        found = [person for person in words if person is not None] or inside
        return max(found, key=lambda person: len(person.rollnumber), default=None)

    def _by_lms(self, part: str) -> Person | None:
        lms = lms_name(part)
        if lms is None:
            return None
        if lms.canvas_id and lms.canvas_id in self._by_canvas_id:
            return self._by_canvas_id[lms.canvas_id]
        if lms.participant and lms.participant in self._by_participant:
            return self._by_participant[lms.participant]
        if lms.login and letters(lms.login) in self._by_login:
            return self._by_login[letters(lms.login)]
        return self._by_name.get(letters(lms.name)) if lms.name else None

    @cached_property
    def _by_rollnumber(self) -> Mapping[str, Person]:
        return {letters(person.rollnumber): person for person in self.people if person.rollnumber}

    @cached_property
    def _by_canvas_id(self) -> Mapping[str, Person]:
        return {person.canvas_id: person for person in self.people if person.canvas_id}

    @cached_property
    def _by_participant(self) -> Mapping[str, Person]:
        return {person.participant: person for person in self.people if person.participant}

    @cached_property
    def _by_login(self) -> Mapping[str, Person]:
        logins = [(login, person) for person in self.people for login in _spellings_of_login(person.login)]
        return _without_doubt(logins)

    @cached_property
    def _by_name(self) -> Mapping[str, Person]:
        return _without_doubt([(key, person) for person in self.people for key in _spellings(person.name)])


def _without_doubt(pairs: Sequence[tuple[str, Person]]) -> dict[str, Person]:
    """Key -> person, for the keys that only one person has."""
    owners: dict[str, set[Person]] = {}
    for key, person in pairs:
        owners.setdefault(key, set()).add(person)
    return {key: next(iter(people)) for key, people in owners.items() if len(people) == 1 and key}


def _spellings(name: str) -> set[str]:
    """A name as file names write it: "Bob Lee Smith" and "Smith, Bob Lee" are bobleesmith and smithboblee."""
    words = re.split(r"[\s,]+", name.strip())
    return {letters("".join(words[at:] + words[:at])) for at in {0, 1, len(words) - 1}}


def _spellings_of_login(login: str) -> set[str]:
    return {letters(login), letters(login.partition("@")[0])}


def _stem_letters(part: str) -> str:
    return letters(re.sub(r"\.(zip|tar|tgz|tbz2|txz|gz|bz2|xz)\b", "", part, flags=re.IGNORECASE))


def load_roster(path: Path) -> Roster:
    """Read a roster: a CSV file with a header, such as Canvas' or Moodle's export, or just one roll number per line.

    Columns are found by their names; a row without roll number and name is skipped.

    Raises:
        RosterError: the file cannot be read, or no column has a name that is known.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RosterError(f"{path}: cannot be read ({error.strerror}). Name a CSV file with --roster path") from None
    except UnicodeDecodeError:
        raise RosterError(f"{path}: is not UTF-8 text. Save it as CSV in UTF-8") from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = [[field.strip() for field in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]
    if not rows:
        raise RosterError(f"{path}: is empty. Expected a CSV file with a column rollnumber")
    columns = _columns(rows[0])
    if columns:
        rows = rows[1:]
    elif any(letter.isdigit() for letter in rows[0][0]):
        columns = {"rollnumber": 0, "name": 1}
    else:
        raise RosterError(
            f"{path}: no column with a roll number or name: {', '.join(rows[0])[:200]}. Call one rollnumber or name"
        )
    people = [_person({name: row[at] for name, at in columns.items() if at < len(row)}) for row in rows]
    return Roster(tuple(dict.fromkeys(person for person in people if _is_a_student(person))))


def _columns(header: Sequence[str]) -> dict[str, int]:
    """Field -> index of its column. Of several columns for a field the first in `_COLUMNS` counts."""
    plain = [letters(name) for name in header]
    columns = {
        field: plain.index(next(name for name in names if name in plain))
        for field, names in _COLUMNS.items()
        if any(name in plain for name in names)
    }
    if "id" in plain:  # in Canvas' file it is Canvas' own id
        is_canvas = "student" in plain and "section" in plain
        columns.setdefault("canvas_id" if is_canvas else "rollnumber", plain.index("id"))
    return columns if columns.keys() & {"rollnumber", "name", "last"} else {}


def _person(fields: Mapping[str, str]) -> Person:
    name = fields.get("name") or " ".join(filter(None, (fields.get("first"), fields.get("last"))))
    return Person(
        rollnumber=fields.get("rollnumber", ""),
        name=name,
        canvas_id=fields.get("canvas_id", ""),
        login=fields.get("login", ""),
        section=fields.get("section", ""),
        email=fields.get("email", ""),
        username=fields.get("username", ""),
        participant=fields.get("participant", "").removeprefix("Participant").strip(),
    )


def _is_a_student(person: Person) -> bool:
    """Canvas' export has a row with the points of each assignment, and a student for tests."""
    return bool(person.rollnumber or person.name) and person.name not in ("Points Possible", "Student, Test")
