"""moodle.csv, for Moodle's grade import: Grades, Import, CSV file.

On the page of the import, the instructor maps the first column to the field of its name, and the last two to the grade
and the feedback of the assignment. What Moodle does, and so what is written:

- One row whose student is not found ends the whole import. A row without the mapped field counts for the student of the
  row before it. So one field is chosen, and who lacks it is left out.
- An empty grade deletes the one that Moodle has. So who has no mark is left out.
- Feedback is markup, and replaces the one that Moodle has. Without a grade in the same file, it removes the grade.

Source: https://docs.moodle.org/405/en/Grade_import, and grade/import/csv/classes/load_data.php of Moodle
(github.com/moodle/moodle).
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence

from grader.class_run.gradebook import Row, as_csv, with_one_mark
from grader.class_run.roster import Roster
from grader.renderers import number

# As Moodle writes the columns in its own exports; in this order if two are there for as many students.
_FIELDS: Mapping[str, Callable[[Row], str]] = {
    "Email address": lambda row: row.person.email,
    "ID number": lambda row: row.person.rollnumber,
    "Username": lambda row: row.person.username,
}


def moodle_csv(rows: Sequence[Row], roster: Roster, assignment: str) -> str:
    """The students with one mark, by the field that most of them have.

    With a roster: only its students, because another one would end the import. Without one: by the roll number as ID
    number.
    """
    marked = [row for row in with_one_mark(rows) if not roster.people or row.person in roster.people]
    fields = _FIELDS if roster.people else {"ID number": lambda row: row.rollnumber}
    field, of = max(fields.items(), key=lambda item: sum(bool(item[1](row)) for row in marked))
    lines = [[field, "Full name", assignment, f"Feedback: {assignment}"]]
    lines += [[of(row), row.person.name, row.mark, _feedback(row)] for row in marked if of(row)]
    return as_csv(lines)


def _feedback(row: Row) -> str:
    """Verdict, mark, and what the student can do next. What is for the instructor alone is not in it."""
    note = f" {row.record.note}" if row.record and row.record.note else ""
    return html.escape(f"{row.verdict}: {row.mark} of {number(row.max_score or 0)} marks.{note}", quote=False)
