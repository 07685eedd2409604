"""A new check is one file: what it fails of other checks' examples is said in it, and nothing else is changed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import grader.checks.lake
from grader.checks import all_checks
from grader.rubric import DEFAULT_RUBRIC
from grader.selftest.corpus import Outcome, cases, run_case

NAME = "no_order_twice_in_a_row"
CHECK = """
from grader.builder import Submission
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(needs=("lake_readable", "lake_schema"), hint="Drop repeats."{also_fails})
def no_order_twice_in_a_row(evidence: Evidence) -> None:
    \"\"\"No batch ends as the one before it.\"\"\"
    if evidence.lake.figures.duplicate_rows == 5:
        raise Mismatch("no repeat", "5 repeats")
"""


@pytest.fixture
def rubric(tmp_path: Path) -> Path:
    """The course's rubric with the new check as advice: marks are the one thing that is said elsewhere."""
    path = tmp_path / "rubric.yml"
    path.write_text(DEFAULT_RUBRIC.read_text().replace("advice:\n", f"advice:\n  - {NAME}\n"))
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A second folder of the package grader.checks.lake, empty yet."""
    folder = tmp_path / "lake"
    folder.mkdir()
    monkeypatch.setattr(grader.checks.lake, "__path__", [*grader.checks.lake.__path__, str(folder)])
    all_checks.cache_clear()
    yield folder
    all_checks.cache_clear()
    sys.modules.pop(f"grader.checks.lake.{NAME}", None)
    vars(grader.checks.lake).pop(NAME, None)


def outcome(example: str, rubric: Path, folder: Path) -> Outcome:
    return run_case(next(case for case in cases() if case.example.name == example), folder, rubric)


def test_a_new_check_that_fails_another_s_mutant_says_so_in_its_own_file(
    folder: Path, rubric: Path, tmp_path: Path
) -> None:
    (folder / f"{NAME}.py").write_text(CHECK.format(also_fails=', also_fails=("batch_published_twice",)'))
    found = outcome("batch_published_twice", rubric, tmp_path / "submission")
    assert set(found.caught_by) == {"no_duplicate_orders", NAME}
    assert found.unexpected == ()
    assert found.is_caught


def test_one_that_does_not_say_so_is_unexpected(folder: Path, rubric: Path, tmp_path: Path) -> None:
    (folder / f"{NAME}.py").write_text(CHECK.format(also_fails=""))
    found = outcome("batch_published_twice", rubric, tmp_path / "submission")
    assert found.unexpected == (f"{NAME} failed too: FAIL: 5 repeats",)


def test_one_that_passes_what_it_says_it_fails_is_unexpected(folder: Path, rubric: Path, tmp_path: Path) -> None:
    (folder / f"{NAME}.py").write_text(CHECK.format(also_fails=', also_fails=("base_row_skipped",)'))
    found = outcome("base_row_skipped", rubric, tmp_path / "submission")
    assert len(found.unexpected) == 1
    assert found.unexpected[0].startswith(f"{NAME} did not fail: PASS")


def test_advice_about_another_s_variant(folder: Path, rubric: Path, tmp_path: Path) -> None:
    text = CHECK.replace("duplicate_rows == 5", "null_order_ids == 0").format(
        also_fails=', also_fails=("gaps_between_order_ids",)'
    )
    (folder / f"{NAME}.py").write_text(text)
    assert outcome("gaps_between_order_ids", rubric, tmp_path / "submission").unexpected == ()


def test_an_example_that_no_check_has_is_an_error(folder: Path) -> None:
    (folder / f"{NAME}.py").write_text(CHECK.format(also_fails=', also_fails=("batch_lost_twice",)'))
    with pytest.raises(TypeError, match=f"{NAME}: also_fails names batch_lost_twice"):
        cases()


@pytest.mark.parametrize(
    ("effect", "message"),
    [
        ("no_such_check", f"check {NAME} explains no_such_check, but there is no check"),
        (NAME, "explain each other in a circle"),
    ],
)
def test_a_check_that_explains_what_it_cannot_is_an_error(folder: Path, effect: str, message: str) -> None:
    (folder / f"{NAME}.py").write_text(CHECK.format(also_fails=f', explains=("{effect}",)'))
    with pytest.raises(TypeError, match=message):
        all_checks()


def test_a_new_check_that_is_the_cause_of_another_comes_first(folder: Path, rubric: Path, tmp_path: Path) -> None:
    more = ', also_fails=("batch_published_twice",), explains=("no_duplicate_orders",)'
    (folder / f"{NAME}.py").write_text(CHECK.format(also_fails=more))
    found = outcome("batch_published_twice", rubric, tmp_path / "submission")
    assert (found.first, found.unexpected) == (NAME, ())
