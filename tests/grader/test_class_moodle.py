"""moodle.csv has what Moodle's grade import takes: every row's student is one that Moodle knows, and has a mark."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from grader.builder import CONFIG, ROLLNUMBER, Submission
from grader.class_run.command import ClassOptions, evidence_mode, run_class
from grader.class_run.discovery import Found
from grader.class_run.evidence_workers import EvidenceOptions
from grader.class_run.fingerprints import Fingerprints
from grader.class_run.gradebook import Row, canvas_csv
from grader.class_run.moodle import moodle_csv
from grader.class_run.record import Record
from grader.class_run.roster import Person, Roster
from grader.rubric import DEFAULT_RUBRIC

HEADER = ["Full name", "Orders", "Feedback: Orders"]
BOB = Person("2025em1100001", "Bob Smith", email="bsmith@x.edu", username="bsmith")
ANN = Person("", "Ann Lee", email="alee@x.edu", username="alee")
EVE = Person("2025em1100003", "Eve Ng", username="eng")


def row(person: Person, score: float | None, note: str = "", name: str = "work.zip", rollnumber: str = "") -> Row:
    """A row of the gradebook."""
    record = Record(
        inputs="",
        submission=name,
        rollnumber=person.rollnumber or None,
        verdict="error" if score is None else "pass" if score == 20 else "fail",
        score=score,
        max_score=20,
        producer="",
        consumer="",
        seconds=1.0,
        note=note,
        checks={},
        losses={},
        files={},
        fingerprints=Fingerprints(),
    )
    return Row(Found(Path(name), name, name, ""), record, person, person.rollnumber or rollnumber, "for the instructor")


def lines(rows: Sequence[Row], *people: Person) -> list[list[str]]:
    return list(csv.reader(io.StringIO(moodle_csv(rows, Roster(people), "Orders"))))


def test_a_row_has_the_address_the_mark_and_what_to_do() -> None:
    header, *rest = lines([row(BOB, 17.25, "order_id < 0: see <b> & co")], BOB)
    assert header == ["Email address", *HEADER]
    (only,) = rest
    assert only[:3] == ["bsmith@x.edu", "Bob Smith", "17.25"]
    assert only[3] == "fail: 17.25 of 20 marks. order_id &lt; 0: see &lt;b&gt; &amp; co"
    assert "for the instructor" not in only[3]


def test_the_field_is_the_one_that_most_have_and_nobody_is_there_without_it() -> None:
    rows = [row(BOB, 20, name="a"), row(ANN, 20, name="b"), row(EVE, 20, name="c")]
    assert [line[0] for line in lines(rows, BOB, ANN, EVE)] == ["Username", "bsmith", "alee", "eng"]
    assert [line[0] for line in lines(rows[:2], BOB, ANN)] == ["Email address", "bsmith@x.edu", "alee@x.edu"]
    without = [row(Person("2025em1100004"), 20), row(Person("2025em1100005"), 20), row(ANN, 20)]
    people = [one.person for one in without]
    assert [line[0] for line in lines(without, *people)] == ["ID number", "2025em1100004", "2025em1100005"]


def test_who_has_no_mark_or_two_or_is_unknown_is_left_out() -> None:
    twice = [row(BOB, 20, name="a"), row(BOB, 19, name="b")]
    stranger = row(Person("2025em1199999", "Nobody"), 20, name="c")
    undecided = row(ANN, None, name="d")
    absent = Row(None, None, EVE, EVE.rollnumber, "no submission")
    assert lines([*twice, stranger, undecided, absent], BOB, ANN, EVE) == [["Email address", *HEADER]]


def test_without_a_roster_the_roll_number_is_the_id_number() -> None:
    rows = [row(Person(rollnumber="2025em1100001"), 20), row(Person(name="Ann Lee"), 19, rollnumber="2025em1100002")]
    assert [line[0] for line in lines(rows)] == ["ID number", "2025em1100001", "2025em1100002"]


def test_canvas_has_the_columns_and_rows_that_its_importer_looks_for() -> None:
    # lib/gradebook_importer.rb: row_has_student_headers?, update_column_count, last_student_info_column, process_pp
    header, points, student = csv.reader(io.StringIO(canvas_csv([row(BOB, 17.25)], "Orders (4711)")))
    assert "Student" in header[0]
    assert "ID" in header[1]
    assert header[2:5] == ["SIS User ID", "SIS Login ID", "Section"]
    assert header[5:] == ["Orders (4711)"]
    assert "Points Possible" in points[0]
    assert points[5] == "20"
    assert student == ["Bob Smith", "", "2025em1100001", "", "", "17.25"]


@pytest.mark.slow
def test_a_class_as_moodle_gives_it_away_gets_its_marks_back(tmp_path: Path) -> None:
    class_, out = tmp_path / "class", tmp_path / "out"
    names = {
        "Bob Smith_4711_assignsubmission_file_": "2025em1100001",
        "Bob Smith_4712_assignsubmission_file_": "2025em1100002",
    }
    for number, (name, rollnumber) in enumerate(names.items()):
        one = Submission(tmp_path / rollnumber)
        if number:
            one.lose(14)
        folder = one.build()
        config = folder / CONFIG
        config.write_text(config.read_text().replace(f"rollnumber: {ROLLNUMBER}", f"rollnumber: {rollnumber}"))
        (class_ / name).mkdir(parents=True)
        shutil.make_archive(str(class_ / name / rollnumber), "zip", folder)
    worksheet = tmp_path / "worksheet.csv"
    worksheet.write_text(
        "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,Last modified (grade)\n"
        "Participant 4711,Bob Smith,b1@x.edu,Submitted,,20.00,Yes,-\n"
        "Participant 4712,Bob Smith,b2@x.edu,Submitted,,20.00,Yes,-\n"
    )
    options = ClassOptions(submissions=class_, out=out, roster=worksheet, workers=1, assignment="Orders")
    assert run_class(options, evidence_mode(EvidenceOptions(DEFAULT_RUBRIC, False, 60, 0))) == 0
    with (out / "moodle.csv").open(encoding="utf-8", newline="") as file:
        marks = {line["Email address"]: float(line["Orders"]) for line in csv.DictReader(file)}
    assert marks.keys() == {"b1@x.edu", "b2@x.edu"}
    assert marks["b1@x.edu"] == 20 > marks["b2@x.edu"]
