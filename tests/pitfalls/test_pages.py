"""The pages of docs/pitfalls/: what they quote is the code, and the table of docs/student.md leads to them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from configs.errors import KitError
from configs.settings import PROJECT
from scripts.drills import all_drills
from scripts.drills.documentation import Figures
from scripts.pitfalls import pages
from scripts.pitfalls.catalogue import PITFALLS, Pitfall, table
from scripts.pitfalls.pages import LESSONS, PAGES, index, lesson
from scripts.pitfalls.quote import quote

STUDENT = PROJECT / "docs" / "student.md"

SOURCE = '''\
"""A module."""

LIMIT = (
    20
)


class Reader:
    """Reads."""

    ### Write read_all: it returns all rows.
    def read_all(self, path):
        """Read all.

        More words.
        """
        # BEGIN SOLUTION: task 2
        # STARTER rows = None
        rows = open(path)
        # Only those with an id.
        kept = [
            row for row in rows
        ]
        # END SOLUTION
        return kept
'''


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "reader.py"
    path.write_text(SOURCE, encoding="utf-8")
    return path


def test_a_function_is_quoted_without_docstring_and_lines_for_students(source: Path) -> None:
    assert quote(source, "read_all").splitlines() == [
        "def read_all(self, path):",
        "    rows = open(path)",
        "    # Only those with an id.",
        "    kept = [",
        "        row for row in rows",
        "    ]",
        "    return kept",
    ]
    assert "###" not in quote(source, "Reader")


def test_a_variable_is_quoted_whole(source: Path) -> None:
    assert quote(source, "LIMIT") == "LIMIT = (\n    20\n)"


def test_what_is_left_out_is_shown_by_dots(source: Path) -> None:
    assert quote(source, "read_all", "for row in", "return").splitlines() == [
        "def read_all(self, path):",
        "    ...",
        "    kept = [",
        "        row for row in rows",
        "    ]",
        "    return kept",
    ]
    assert quote(source, "read_all", "open(").splitlines() == ["def read_all(self, path):", "    rows = open(path)"]


@pytest.mark.parametrize("wanted", [("write_all",), ("read_all", "close(")])
def test_what_is_no_longer_in_the_code_is_an_error(source: Path, wanted: tuple[str, ...]) -> None:
    with pytest.raises(KitError, match=r"reader\.py.*docs/pitfalls"):
        quote(source, *wanted)


@pytest.mark.parametrize(
    ("name", "folder"), [("state_written_in_place", "producers"), ("repeats_appended", "consumers")]
)
def test_a_page_of_code_that_has_changed_is_out_of_date(
    name: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = next(document for document in PAGES if document.path.stem == name)
    assert page.is_current()
    for part in (folder, "tests/naive_baseline"):
        shutil.copytree(PROJECT / part, tmp_path / part)
    monkeypatch.setattr(pages, "PROJECT", tmp_path)
    assert page.is_current()
    for path in (tmp_path / folder).glob("*.py"):
        path.write_text(re.sub("(?m)^( +)return ", r"\1return 0 or ", path.read_text(encoding="utf-8")))
    assert not page.is_current()


def test_each_lesson_is_on_a_page() -> None:
    found = {path.name.removesuffix(".md.j2") for path in LESSONS.glob("*.md.j2")}
    assert found - {"page", "README"} == {item.name for item in PITFALLS}


def test_the_table_for_students_is_the_catalogue() -> None:
    assert table(PITFALLS, "pitfalls/") in STUDENT.read_text(encoding="utf-8"), (
        f"the table of {STUDENT} must be:\n{table(PITFALLS, 'pitfalls/')}"
    )


@pytest.mark.parametrize("pitfall", PITFALLS, ids=lambda item: item.name)
def test_a_page_has_its_two_commands_and_a_heading_for_each_link(pitfall: Pitfall) -> None:
    text = lesson(pitfall)
    commands = re.findall(r"^    (make .*)$", text, re.MULTILINE)
    assert commands == [f"make drills DRILL={pitfall.drill} PROGRAMS={programs}" for programs in ("naive", "ours")]
    assert pitfall.drill in all_drills()
    checks = (PROJECT / "docs" / "checks.md").read_text(encoding="utf-8")
    anchors = {_anchor(heading) for heading in re.findall(r"^#+ (.*)$", checks, re.MULTILINE)}
    assert set(re.findall(r"checks\.md#([\w-]+)", text)) <= anchors
    assert "{{" not in text


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_the_index_names_every_page() -> None:
    assert re.findall(r"^\| \[.*?\]\((\w+)\.md\)", index(), re.MULTILINE) == [item.name for item in PITFALLS]


def test_a_page_shows_what_was_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"rows": 23, "messages": 13, "lost": 7, "repeated": 0, "altered": 13, "unexpected": 0, "in_quarantine": 0}
    one = {"runs": 1, "clean": 0, "seeds": (1, 1), "seeds_not_clean": (1,), "faults": 3, "ended": 0, "seconds": 4.25}
    figures = Figures.model_validate({**counts, **one, "repeats_removed": 0, "verdict": "7 lost; 13 altered"})
    late = next(item for item in PITFALLS if item.name == "late_commit")
    monkeypatch.setattr(pages, "measured_figures", lambda programs, drill: figures if programs == "naive" else None)
    text = lesson(late)
    assert re.search(r"^    late_commit +23 +3 +7 +0 +13 +4\.2 +7 lost; 13 altered$", text, re.MULTILINE)
    assert "In this run 7 of 23 rows were lost." in text
    assert "(not recorded yet)" in text
