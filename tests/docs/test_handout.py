"""The hand-out: its marks and sentences are the grader's, and what the course leaves open is a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from configs.settings import HAND_OUT
from grader.checks import all_checks
from grader.rubric import DEFAULT_RUBRIC, load_rubric
from scripts.handout.__main__ import html_page
from scripts.handout.course import DEFAULT_COURSE, KEYS, Course, CourseError, load_course
from scripts.handout.text import ASSIGNMENT, assignment_markdown, create_table
from scripts.handout.typst import string, typst_source

CHECKS = all_checks()
RUBRIC = DEFAULT_RUBRIC.read_text(encoding="utf-8")


def handout(folder: Path, *changes: tuple[str, str], course: Course | None = None) -> str:
    """The assignment with a rubric in which each old text, there exactly once, is replaced by the new one."""
    text = RUBRIC
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "rubric.yml"
    path.write_text(text, encoding="utf-8")
    return assignment_markdown(course or Course(), load_rubric(path, CHECKS), CHECKS)


def test_every_check_is_there_with_its_sentence_and_its_marks(tmp_path: Path) -> None:
    text = handout(tmp_path)
    rubric = load_rubric(DEFAULT_RUBRIC, CHECKS)
    for check in CHECKS.values():
        marks = rubric.points[check.id]
        row = f"| {marks:g} | `{check.id}` |" if marks else f"| `{check.id}` |"
        assert text.count(f"\n{row} {check.title} |") == 1, check.id


def test_a_change_of_the_rubric_changes_the_handout(tmp_path: Path) -> None:
    text = handout(tmp_path, ("config_valid: 1", "config_valid: 0.5"), ("state_readable: 1", "state_readable: 1.5"))
    assert "| 0.5 | `config_valid` |" in text
    assert "| 1.5 | `state_readable` |" in text
    assert "| 1 | `config_valid` |" not in text


def test_advice_that_gets_marks_moves_to_its_program_and_changes_the_totals(tmp_path: Path) -> None:
    text = handout(
        tmp_path,
        ("  producer: 10", "  producer: 12"),
        ("config_valid: 1", "config_valid: 1\n  load_lost_nothing: 2"),
        ("  - load_lost_nothing\n", ""),
        ("partial: 0.5", "partial: 0"),
        ("unjudged: scale", "unjudged: zero"),
    )
    assert "#### Producer: 12 marks" in text
    assert "| Marks | 22: producer 12, consumer 10 |" in text
    assert "| 2 | `load_lost_nothing` |" in text
    assert "\n| `load_lost_nothing` |" not in text
    assert "A check that fails earns nothing." in text
    assert "If there is no evidence for a check, it earns nothing." in text


def test_the_contract_is_that_of_the_code(tmp_path: Path) -> None:
    text = handout(tmp_path)
    assert "has these 14 keys" in text
    assert re.findall(r"^\| `(\w+\.\w+)` \| `", text, re.MULTILINE) == [
        f"{section}.{key}" for section, keys in HAND_OUT.items() for key in keys
    ]
    assert create_table() in text
    assert "10 orders, 5 of them bad" in text


def test_it_can_be_read_by_itself(tmp_path: Path) -> None:
    assert "](" not in handout(tmp_path)


def test_what_the_course_leaves_open_is_a_sentence(tmp_path: Path) -> None:
    text = handout(tmp_path)
    table = text[: text.index("## The task")]
    assert "| Deadline | Your instructor announces it. |" in table
    rows = table.splitlines()[2:]  # after the table's empty head
    assert not [row for row in rows if re.search(r"\|\s*\|", row)], "an empty cell"


def test_what_the_course_says_is_there_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "course.yml"
    path.write_text("name: Data | Stores\nterm: 2026\ndeadline: 2026-12-18 23:59\nlate:\n", encoding="utf-8")
    text = handout(tmp_path, course=load_course(path))
    assert "| Course | Data \\| Stores, 2026 |" in text
    assert "| Deadline | 2026-12-18 23:59 |" in text
    assert "| Late work | Your instructor says" in text


def test_the_example_in_the_course_file_is_one() -> None:
    text = DEFAULT_COURSE.read_text(encoding="utf-8")
    example = dict(re.findall(r"^#   (\w+): (.+)$", text, re.MULTILINE))
    assert tuple(example) == KEYS
    assert load_course(DEFAULT_COURSE) == Course(), "the committed hand-out is for every course"


def test_the_commented_example_of_the_course_file_can_be_used(tmp_path: Path) -> None:
    lines = DEFAULT_COURSE.read_text(encoding="utf-8").splitlines()
    path = tmp_path / "course.yml"
    path.write_text("\n".join(line[4:] for line in lines if line.startswith("#   ")), encoding="utf-8")
    assert load_course(path).deadline == "Friday, 18 December 2026, 23:59"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("dead_line: today", "dead_line is an unknown key"),
        ("late: after: two", "Put a text that has a colon in quotes"),
        ("late: {after: two}", "late has several values"),
        ("- one", "expected name, term"),
        (None, "cannot be read"),
    ],
)
def test_a_course_file_that_cannot_be_used_is_named_with_the_reason(
    tmp_path: Path, content: str | None, said: str
) -> None:
    path = tmp_path / "course.yml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(CourseError, match=re.escape(said)) as error:
        load_course(path)
    assert str(path) in str(error.value)


def test_the_committed_page_is_generated() -> None:
    assert ASSIGNMENT.is_current(), "run `make docs`"


def test_markup_in_a_text_stays_text(tmp_path: Path) -> None:
    page = html_page(handout(tmp_path, course=Course(name="<script>alert(1)</script>")))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "&lt;rollnumber&gt;" in page
    assert "src=" not in page


@pytest.mark.parametrize(
    ("markdown", "typst"),
    [
        ('a "b" \\\\ #c [d] $e$', '#"a \\"b\\" \\\\ #c [d] $e$";'),
        ("`x#y`", '#raw("x#y");'),
        ("## T", '#heading(level: 2)[#"T";]'),
        ("**a** *b*", '#"";#strong[#"a";];#" ";#emph[#"b";];'),
        ("- a\n- b", '#list([#"a";], [#"b";])'),
        ("1. a", '#enum([#"a";])'),
        ("```sql\nx\n```", '#raw("x", block: true, lang: "sql")'),
        ("[a](https://b.example)", '#link("https://b.example")[#"a";];'),
        (
            "| a | b |\n|--:|---|\n| 1 | 2 |",
            '#table(columns: 2, align: (right, left,), table.header([#strong[#"a";]], [#strong[#"b";]]), '
            '[#"1";], [#"2";])',
        ),
        ("| | |\n|---|---|\n| 1 | 2 |", '#table(columns: 2, align: (left, left,), fill: none, [#"1";], [#"2";])'),
    ],
)
def test_markdown_becomes_typst(markdown: str, typst: str) -> None:
    assert typst_source(markdown) == typst + "\n"


def test_what_is_not_translated_is_an_error() -> None:
    with pytest.raises(ValueError, match="image"):
        typst_source("![a](b.png)")
    with pytest.raises(ValueError, match="blockquote"):
        typst_source("> a")


def test_a_string_of_typst_ends_only_at_its_end() -> None:
    assert string('a"\\\n') == '"a\\"\\\\\\n"'
