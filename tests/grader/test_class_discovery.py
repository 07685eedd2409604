"""Which things in the folder of a class are submissions, and whose they are."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from configs.errors import KitError
from grader.__main__ import main
from grader.builder import CONFIG, ROLLNUMBER, Submission
from grader.class_run.discovery import Discovery, discover
from grader.class_run.names import LmsName, cell, is_late, lms_name, rollnumber_in, safe_name
from grader.class_run.roster import Person, Roster, RosterError, load_roster


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built submission, to be copied and packed."""
    return Submission(tmp_path_factory.mktemp("work") / "project").build()


@pytest.fixture
def class_(tmp_path: Path) -> Path:
    return tmp_path / "class"


def put(work: Path, target: Path, rollnumber: str = ROLLNUMBER) -> Path:
    shutil.copytree(work, target)
    config = target / CONFIG
    config.write_text(config.read_text().replace(ROLLNUMBER, rollnumber))
    return target


def put_zip(work: Path, target: Path, rollnumber: str = ROLLNUMBER) -> Path:
    folder = put(work, target.parent / f".{target.name[:50]}", rollnumber)
    shutil.make_archive(str(target.with_suffix("")), "zip", folder)
    shutil.rmtree(folder)
    return target


def found(class_: Path, roster: Roster | None = None) -> Discovery:
    return discover(class_, roster or Roster(), class_.parent / "unpacked")


def names(class_: Path, roster: Roster | None = None) -> list[str]:
    return [one.name for one in found(class_, roster).submissions]


def test_folders_zips_tars_and_checkouts_at_any_depth(work: Path, class_: Path) -> None:
    put(work, class_ / "Section A" / "ravi" / "food_delivery_streaming" / "local", "ravi1")
    put(work, class_ / "Section A" / "priya", "priya1")
    (put(work, class_ / "checkout", "anna1") / ".git").mkdir()
    put_zip(work, class_ / "Section B" / "deep" / "meera.zip", "meera1")
    put_zip(work, class_ / "Section B" / "deep" / "kabir.zip", "kabir1")
    shutil.make_archive(str(class_ / "rohan"), "gztar", work)
    assert names(class_) == [
        "Section A/priya",
        "Section A/ravi",
        "Section B/deep/kabir.zip",
        "Section B/deep/meera.zip",
        "checkout",
        "rohan.tar.gz",
    ]


def test_a_zip_of_the_class_with_the_zips_of_students(work: Path, class_: Path) -> None:
    inner = class_.parent / "inner"
    for name in ("smithbob_LATE_101_9001_work.zip", "leeann_102_9002_work-1.zip"):
        put_zip(work, inner / name)
    (inner / "leeann_102_9002_screenshot.png").write_bytes(b"png")
    shutil.make_archive(str(inner.parent / "submissions"), "zip", inner)
    class_.mkdir()
    shutil.move(inner.parent / "submissions.zip", class_)
    first, again = found(class_), found(class_)
    assert [one.name for one in first.submissions] == [
        "submissions.zip/leeann_102_9002_work-1.zip",
        "submissions.zip/smithbob_LATE_101_9001_work.zip",
    ]
    assert [other.name for other in first.others] == ["submissions.zip/leeann_102_9002_screenshot.png"]
    assert first == again, "what was unpacked is kept, so that nothing is graded twice"


def test_a_zip_of_the_class_with_the_folders_of_students(work: Path, class_: Path) -> None:
    inner = class_.parent / "inner"
    put(work, inner / "Bob Smith_4711_assignsubmission_file_" / "project")
    put_zip(work, inner / "Ann Lee_4712_assignsubmission_file_" / "work.zip")
    class_.mkdir()
    shutil.make_archive(str(class_ / "download"), "zip", inner)
    assert names(class_) == [
        "download.zip/Ann Lee_4712_assignsubmission_file_",
        "download.zip/Bob Smith_4711_assignsubmission_file_",
    ]


@pytest.mark.parametrize("variants", [("local", "s3"), ("attempt 1", "attempt 2"), ("lake", "programs")])
def test_the_work_of_one_student_is_one_submission(work: Path, class_: Path, variants: tuple[str, str]) -> None:
    if variants[0] == "lake":
        shutil.copytree(work / "datalake", class_ / "ravi" / "lake")
        (class_ / "ravi" / "programs").mkdir()
        (class_ / "ravi" / "programs" / "my_producer.py").write_text("print()")
    else:
        for name in variants:
            put(work, class_ / "ravi" / name)
    put(work, class_ / "priya")
    assert names(class_) == ["priya", "ravi"]


def test_what_is_no_submission_is_listed(work: Path, class_: Path) -> None:
    put(work, class_ / "ravi")
    (class_ / "slides").mkdir()
    (class_ / "slides" / "week1.pdf").write_bytes(b"pdf")
    (class_ / "marks.xlsx").write_bytes(b"x")
    (class_ / "work.rar").write_bytes(b"x")
    (class_ / ".DS_Store").write_bytes(b"x")
    (class_ / "link").symlink_to(work)
    with zipfile.ZipFile(class_ / "readings.zip", "w") as readings:
        readings.writestr("paper.pdf", "x")
    discovery = found(class_)
    assert [one.name for one in discovery.submissions] == ["ravi"]
    assert {other.name: other.why for other in discovery.others} == {
        "slides": "contains nothing of the assignment",
        "readings.zip": "contains nothing of the assignment",
        "marks.xlsx": "a file",
        "work.rar": "cannot be unpacked here; ask for a zip",
    }


def test_what_a_student_handed_in_is_a_submission_whatever_is_in_it(class_: Path) -> None:
    (class_ / "2025em1100999").mkdir(parents=True)
    (class_ / "leeann_102_9002_work.zip").write_bytes(b"no zip")
    (class_ / "broken.zip").write_bytes(b"no zip")
    assert names(class_) == ["2025em1100999", "broken.zip", "leeann_102_9002_work.zip"]


def test_the_reports_that_grading_one_archive_left_beside_it_are_no_submission(work: Path, class_: Path) -> None:
    archive = put_zip(work, class_ / f"{ROLLNUMBER}.zip")
    main(["grade", str(archive), "--database", "off"])
    discovery = found(class_)
    assert [one.name for one in discovery.submissions] == [archive.name]
    assert {other.name: other.why for other in discovery.others} == {
        f"{ROLLNUMBER}-reports": "the grader's reports on one submission"
    }


def test_a_student_cannot_hand_in_work_for_others(work: Path, class_: Path) -> None:
    inner = class_.parent / "inner"
    put(work, inner / "2025em1100001", "2025em1100001")
    put(work, inner / "2025em1100002", "2025em1100002")
    class_.mkdir()
    shutil.make_archive(str(class_ / "2025em1100003"), "zip", inner)
    assert names(class_) == ["2025em1100003.zip"]


def test_equal_and_odd_names_get_folders_of_their_own(work: Path, class_: Path) -> None:
    odd = ["a\nb\x1b[31m", "x" * 251 + ".zip", "index.html", "-rf", "con:1", os.fsdecode(b"caf\xe9")]
    for name in odd:
        (put_zip if name.endswith(".zip") else put)(work, class_ / name)
    for section in ("A", "B"):
        put(work, class_ / section / "ravi", f"{section}1")
        put(work, class_ / section / "Priya", f"{section}2")
    submissions = found(class_).submissions
    folders = [one.folder for one in submissions]
    assert len({folder.lower() for folder in folders}) == len(odd) + 4
    assert all(len(folder.encode()) < 120 and folder.isprintable() and folder.strip(".") for folder in folders)
    assert not set('/\\:*?"<>|') & set("".join(folders))
    assert "index.html" not in folders


def test_the_folder_of_results_is_no_submission(work: Path, class_: Path) -> None:
    put(work, class_ / "ravi")
    put(work, class_ / "results" / "class" / "ravi")
    discovery = discover(class_, Roster(), class_.parent / "unpacked", without=class_ / "results" / "class")
    assert [one.name for one in discovery.submissions] == ["ravi"]


def test_a_submission_is_no_class(work: Path) -> None:
    with pytest.raises(KitError, match="is one submission"):
        found(work)


def test_a_change_of_a_file_changes_the_fingerprint(work: Path, class_: Path) -> None:
    put(work, class_ / "ravi")
    before = found(class_).submissions
    assert found(class_).submissions == before
    (class_ / "ravi" / "new.txt").write_text("x")
    assert found(class_).submissions != before


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("smithbob_101_9001_my_work.zip", LmsName("smithbob", "101")),
        ("smithbob_LATE_101_9001_work-2.zip", LmsName("smithbob", "101", is_late=True)),
        ("Bob Smith_4711_assignsubmission_file_", LmsName("Bob Smith", participant="4711")),
        ("Bob Smith_4711_assignsubmission_file_work.zip", LmsName("Bob Smith", participant="4711")),
        ("Lab 3_bsmith_attempt_2025-11-18-12-24-00_work.zip", LmsName(login="bsmith")),
        ("2025em1100471.zip", None),
        ("my_work_2.zip", None),
        ("orders_2025_11_18", None),
    ],
)
def test_names_of_learning_management_systems(name: str, expected: LmsName | None) -> None:
    assert lms_name(name) == expected


@pytest.mark.parametrize(
    ("name", "rollnumber"),
    [
        ("2025em1100471.zip", "2025em1100471"),
        ("final 2025EM1100471 (2).zip", "2025EM1100471"),
        ("smithbob_101_9001234_work.zip", None),
        ("submissions_20251118.zip", None),
        ("ravi", None),
    ],
)
def test_roll_numbers_in_names(name: str, rollnumber: str | None) -> None:
    assert rollnumber_in(name) == rollnumber


def test_late_is_seen_and_plates_are_not() -> None:
    assert is_late("LATE/ravi.zip")
    assert is_late("smithbob_late_101_9001_x.zip")
    assert not is_late("template/plates.zip")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "＝1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_ordinary_cells_stay() -> None:
    assert (cell("a=b"), cell(1.5), cell(None)) == ("a=b", 1.5, "")


def test_a_name_that_is_safe_stays() -> None:
    assert safe_name("Ann Lee_4712_assignsubmission_file_", "x") == "Ann Lee_4712_assignsubmission_file_"


CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,Orders (99)
    Points Possible,,,,,20
"Smith, Bob",101,2025em1100001,bsmith@x.edu,A,
"Lee, Ann",102,2025em1100002,alee@x.edu,A,
"Student, Test",103,,,A,
"""


def roster_of(tmp_path: Path, text: str) -> Roster:
    path = tmp_path / "roster.csv"
    path.write_bytes(text.encode("utf-8-sig"))
    return load_roster(path)


def test_the_gradebook_of_canvas_is_a_roster(tmp_path: Path) -> None:
    assert roster_of(tmp_path, CANVAS).people == (
        Person("2025em1100001", "Smith, Bob", "101", "bsmith@x.edu", "A"),
        Person("2025em1100002", "Lee, Ann", "102", "alee@x.edu", "A"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "First name,Surname,ID number,Email address\nBob,Smith,2025em1100001,b@x\n",
        "Roll No.;Name\n2025em1100001;Bob Smith\n",
        "rollnumber\tstudent name\n2025em1100001\tBob Smith\n\n",
        "2025em1100001,Bob Smith\n",
    ],
)
def test_other_forms_of_a_roster(tmp_path: Path, text: str) -> None:
    (person,) = roster_of(tmp_path, text).people
    assert (person.rollnumber, person.name) == ("2025em1100001", "Bob Smith")


# Moodle's participants page, "Download table data as"; and an assignment's "Download grading worksheet".
PARTICIPANTS = """\
"First name","Last name","ID number","Email address",Groups
Bob,Smith,2025em1100001,bsmith@x.edu,"A, G1"
Ann,Lee,,alee@x.edu,
"""
WORKSHEET = """\
Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",\
"Last modified (submission)","Last modified (grade)","Feedback comments"
"Participant 4711","Bob Smith",bsmith@x.edu,"Submitted for grading - ",,20.00,Yes,"Monday, 1 December 2025, 9:00 AM",-,
"Participant 4712","Bob Smith",bob.smith@x.edu,"No submission - ",,20.00,Yes,-,-,
"""


def test_the_participants_of_moodle_are_a_roster(tmp_path: Path) -> None:
    bob, ann = roster_of(tmp_path, PARTICIPANTS).people
    assert bob == Person("2025em1100001", "Bob Smith", login="bsmith@x.edu", section="A, G1", email="bsmith@x.edu")
    assert (ann.rollnumber, ann.name, ann.email) == ("", "Ann Lee", "alee@x.edu")


def test_the_grading_worksheet_of_moodle_tells_two_of_one_name_apart(tmp_path: Path) -> None:
    roster = roster_of(tmp_path, WORKSHEET)
    assert [person.participant for person in roster.people] == ["4711", "4712"]
    for number, email in ((4711, "bsmith@x.edu"), (4712, "bob.smith@x.edu")):
        person = roster.by_path(f"Bob Smith_{number}_assignsubmission_file_/work.zip")
        assert person is not None
        assert person.email == email


@pytest.mark.parametrize(("text", "says"), [("", "is empty"), ("Kurs,Note\nx,1\n", "Call one rollnumber or name")])
def test_what_is_no_roster_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RosterError, match=says):
        roster_of(tmp_path, text)


@pytest.mark.parametrize(
    "path",
    [
        "smithbob_101_9001_work.zip",
        "smithbob_999_9001_work.zip",
        "Bob Smith_4711_assignsubmission_file_/work.zip",
        "Lab_bsmith_attempt_2025-11-18-12-24-00_x.zip",
        "Section/2025EM1100001 final.zip",
        "bob smith.zip",
        "Smith Bob",
    ],
)
def test_whose_a_submission_is(tmp_path: Path, path: str) -> None:
    person = roster_of(tmp_path, CANVAS).by_path(path)
    assert person is not None
    assert person.rollnumber == "2025em1100001"


def test_two_students_of_one_name_are_not_guessed(tmp_path: Path) -> None:
    roster = roster_of(tmp_path, "rollnumber,name\n1234567,Bob Smith\n7654321,Bob Smith\n")
    assert roster.by_path("bob smith.zip") is None
