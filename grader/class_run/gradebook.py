"""The class's gradebook: a row for every submission and every student of the roster, as CSV and for Canvas.

canvas.csv is what Canvas' gradebook imports: columns Student, ID, SIS User ID, SIS Login ID, Section, in this order,
then the assignment, and a row with its points. Its exports can also have a row with "Manual Posting" (once "Muted"),
which an import passes over, so it is not written. A student is found by ID, else by SIS User ID, SIS Login ID or name.
An empty mark would delete the mark that Canvas has, so who has no mark is left out.
Source: lib/gradebook_importer.rb of Canvas (github.com/instructure/canvas-lms).
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.class_run.copies import Copy
from grader.class_run.discovery import Discovery, Found
from grader.class_run.names import cell, is_late, letters, lms_name, rollnumber_in_path
from grader.class_run.record import Record
from grader.class_run.roster import Person, Roster
from grader.renderers import number, one_line

COLUMNS = ("submission", "rollnumber", "verdict", "score", "max_score", "producer", "consumer", "seconds", "note")
NOT_GRADED = "not graded yet"
_LONGEST_CELL = 30_000  # a spreadsheet takes 32,767
NO_SUBMISSION = "no submission"


@dataclass(frozen=True)
class Row:
    """A row of the gradebook. `found` and `record` are None for a student without a submission; `record` also for a
    submission that is not graded yet.
    """

    found: Found | None
    record: Record | None
    person: Person
    rollnumber: str
    note: str

    @property
    def submission(self) -> str:
        return one_line(self.found.name) if self.found else ""

    @property
    def verdict(self) -> str:
        return self.record.verdict if self.record else ""

    @property
    def score(self) -> float | None:
        return self.record.score if self.record else None

    @property
    def max_score(self) -> float | None:
        return self.record.max_score if self.record else None

    @property
    def mark(self) -> str:
        """The mark as text: 19.5; "" if there is none."""
        return "" if self.score is None else str(number(self.score))


def gradebook(discovery: Discovery, records: Mapping[Found, Record], roster: Roster) -> tuple[Row, ...]:
    """The rows: the submissions by name, then the students of the roster without one, by name."""
    owners = {found: _owner(found, records.get(found), roster) for found in discovery.submissions}
    times = Counter(letters(rollnumber) for _, rollnumber in owners.values() if rollnumber)
    rows = [
        Row(found, records.get(found), person, rollnumber, _note(found, records.get(found), rollnumber, times))
        for found, (person, rollnumber) in owners.items()
    ]
    there = {person for person, _ in owners.values()}
    absent = sorted((person for person in roster.people if person not in there), key=lambda person: person.sort_key)
    return (
        *rows,
        *(Row(None, None, person, person.rollnumber, _absence(person, discovery, roster)) for person in absent),
    )


def _owner(found: Found, record: Record | None, roster: Roster) -> tuple[Person, str]:
    """Who handed a submission in, and the roll number.

    What the learning management system and the roster say counts first, because a student cannot write it. Then the
    config's roll number counts, then that in the names of the folders.
    """
    person = roster.by_path(found.name)
    written = record.rollnumber if record else None
    if person is None and written:
        person = roster.by_rollnumber(written)
    parts = [one_line(part) for part in found.name.split("/")]
    in_names = rollnumber_in_path(found.name)
    lms = next((lms for part in reversed(parts) if (lms := lms_name(part))), None)
    if person is None:
        person = Person(
            name=(lms.name or "") if lms else "",
            canvas_id=(lms.canvas_id or "") if lms else "",
            login=(lms.login or "") if lms else "",
            rollnumber=written or in_names,
        )
    return person, person.rollnumber or written or in_names


def _note(found: Found, record: Record | None, rollnumber: str, times: Mapping[str, int]) -> str:
    notes = ["late"] if is_late(found.name) else []
    count = times.get(letters(rollnumber), 0)
    if count > 1:
        notes.append(f"one of {count} submissions of this roll number")
    if record is None:
        notes.append(NOT_GRADED)
        return "; ".join(notes)
    written = record.rollnumber
    if written and rollnumber and not letters(written).startswith(letters(rollnumber)):
        notes.append(f"its config has the roll number {written}")
    return "; ".join([*notes, *([record.note] if record.note else [])])


def _absence(person: Person, discovery: Discovery, roster: Roster) -> str:
    """That there is no submission, and what the student handed in instead."""
    others = [one_line(other.name) for other in discovery.others if roster.by_path(other.name) == person]
    return f"{NO_SUBMISSION}; there is {', '.join(others)}" if others else NO_SUBMISSION


def gradebook_csv(rows: Sequence[Row], checks: Sequence[str]) -> str:
    """gradebook.csv: `COLUMNS`, then a column for each check."""
    lines = [[*COLUMNS, *checks]]
    for row in rows:
        record = row.record
        lines.append(
            [
                row.submission,
                row.rollnumber,
                row.verdict,
                row.mark,
                "" if row.max_score is None else str(number(row.max_score)),
                record.producer if record else "",
                record.consumer if record else "",
                f"{record.seconds:g}" if record else "",
                row.note,
                *((record.checks.get(check, "") if record else "") for check in checks),
            ]
        )
    return as_csv(lines)


def canvas_csv(rows: Sequence[Row], assignment: str) -> str:
    """canvas.csv, with the students that have one mark."""
    points = max((row.max_score for row in rows if row.max_score is not None), default=0)
    lines = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", assignment],
        ["    Points Possible", "", "", "", "", str(number(points))],
    ]
    for row in with_one_mark(rows):
        person = row.person
        name = person.name or row.rollnumber or row.submission
        lines.append([name, person.canvas_id, row.rollnumber, person.login, person.section, row.mark])
    return as_csv(lines)


def with_one_mark(rows: Sequence[Row]) -> list[Row]:
    """The rows that a learning management system can take over: those of students with exactly one mark."""
    marked = [row for row in rows if row.score is not None]
    times = Counter(_student(row) for row in marked)
    return [row for row in marked if times[_student(row)] == 1]


def several_marks(rows: Sequence[Row]) -> tuple[str, ...]:
    """The students with more than one mark, who are in no system's file: their roll numbers or names."""
    times = Counter(_student(row) for row in rows if row.score is not None)
    return tuple(sorted({row.rollnumber or row.person.name for row in rows if times[_student(row)] > 1}))


def _student(row: Row) -> str:
    return letters(row.rollnumber) or row.person.canvas_id or letters(row.person.name) or row.submission


def copies_csv(copies: Sequence[Copy]) -> str:
    """copies.csv: what is shared, how many share it, their names separated by |, and the evidence."""
    lines = [["kind", "count", "submissions", "evidence"]]
    lines += [
        [
            copy.kind,
            str(len(copy.submissions)),
            " | ".join(map(one_line, copy.submissions)),
            one_line(copy.evidence, 300),
        ]
        for copy in copies
    ]
    return as_csv(lines)


def as_csv(lines: Sequence[Sequence[str]]) -> str:
    """The lines as CSV, without what a spreadsheet would take for a formula."""
    text = io.StringIO()
    csv.writer(text).writerows([[cell(one_line(value, _LONGEST_CELL)) for value in line] for line in lines])
    return text.getvalue()
