"""The evidence that the pictures show: one submission with mistakes, and a small class. grader/builder.py builds it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from grader.builder import CONFIG, ROLLNUMBER, ROUNDS, Submission, give_times
from grader.checks import all_checks

Change = Callable[[Submission], None]  # an example of a check


@dataclass(frozen=True)
class Student:
    """A student of the class. Each of `changes` plants a mistake. `copied_from`: the author's roll number."""

    rollnumber: str
    name: str
    changes: tuple[Change, ...] = ()
    copied_from: str = ""


def a_submission(folder: Path) -> Submission:
    """A built submission: an order is lost, a batch is there twice, and a negative amount arrived."""
    submission = Submission(folder)
    submission.add_round_3()
    submission.lose(14)
    submission.append_batch(submission.rows[-5:])
    submission.change_in_lake(8, amount="-108.50")
    submission.edit(give_times)
    submission.build()
    return submission


def a_class(folder: Path) -> Path:
    """Submissions of a class, and its roster beside them. Returns the path of the roster."""
    for student in _students():
        _hand_in(folder / "submissions", student)
    roster = folder / "roster.csv"
    with roster.open("w", encoding="utf-8", newline="") as file:
        rows = [(student.name, student.rollnumber) for student in _students()]
        csv.writer(file).writerows([("Student", "SIS User ID"), *rows, ("Yusuf Khan", "2025em1100220")])
    return roster


def _students() -> tuple[Student, ...]:
    names: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("Aarav Sharma", ()),
        ("Asha Rao", ()),
        ("Bilal Ahmed", ("batch_published_twice", "refund_kept")),
        ("Chitra Menon", ()),
        ("Dev Malhotra", ("state_behind",)),
        ("Diya Patel", ()),
        ("Esha Kulkarni", ("local_time_of_india", "refund_kept", "batch_published_twice")),
        ("Farhan Ali", ()),
        ("Gauri Joshi", ("refund_kept",)),
        ("Ishita Bose", ()),
        ("Kabir Singh", ("row_of_round_2_lost", "batch_published_twice")),
        ("Meera Nair", ()),
        ("Rohan Das", ("no_checkpoint", "lake_without_folders")),
        ("Sara Khan", ("lake_without_folders",)),
        ("Tara Pillai", ("row_of_round_2_lost", "no_checkpoint")),
        ("Vihaan Gupta", ("no_lake",)),
    )
    examples = {example.name: example.build for check in all_checks().values() for example in check.failing}
    students = [
        Student(f"2025em11002{number:02}", name, tuple(examples[mistake] for mistake in mistakes))
        for number, (name, mistakes) in enumerate(names, start=1)
    ]
    return (*students, Student("2025em1100217", "Zoya Mirza", copied_from="2025em1100202"))


def _hand_in(folder: Path, student: Student) -> None:
    """Build the submission. The builder writes its own roll number, which becomes the student's."""
    mine = student.rollnumber
    seed = student.copied_from or mine
    submission = Submission(folder / mine, topic=f"{mine}_food_orders_raw", seed=seed)
    # Rows that many submissions share are no sign of a copy, but those of two are.
    for row in submission.rows:
        submission.change(row.order_id, customer_name=f"Customer {row.order_id} of {seed}")
    for change in student.changes:
        change(submission)
    root = submission.build()
    for path in [root / CONFIG, *(root / ROUNDS).glob("*.json")]:
        path.write_text(path.read_text(encoding="utf-8").replace(ROLLNUMBER, mine), encoding="utf-8")
    state = (root / ROUNDS).parent
    if state.exists():
        state.rename(state.with_name(mine))
