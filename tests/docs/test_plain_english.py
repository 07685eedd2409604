"""Words that this project does not use, in messages, documents, docstrings and names; each with the one to use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from configs.settings import PROJECT

# What is banned -> what to write. A space stands for any line break, quote, comment sign or underscore between words.
PHRASES: Mapping[str, str] = {
    r"mend(?:s|ed|ing)?": "fix, how to fix it",
    r"anew": "again, recreated",
    r"without a word": "silently",
    r"(?:is|are|was|were) told": "is reported, gets",
    r"dated back": "backdated",
    r"turned away": "rejected",
    r"(?:goes|go|went) down with": "crashes on",
    r"accus(?:e|es|ed|ing)": "fails wrongly, false positive",
    r"account is settled": "we reconcile",
    r"settl(?:e|es|ed|ing) (?:the|an) account": "reconcile",
    r"rooms? of (?:the )?(?:checks|drills)|(?:check|drill) rooms?": "category, package",
    r"beside database": "database_diff",
    r"(?:the )?plain design": "the naive baseline",
    r"faces": "formats",
    r"no one's to lose": "does not count against the student",
    r"at the most": "at most, the maximum",
}
CASE_SENSITIVE: Mapping[str, str] = {r"MOST_": "MAX_"}
IN_BENCHMARKS: Mapping[str, str] = {r"wanted": "target"}
NAMES: Mapping[str, str] = {"chance": "rng", "say": "on_progress", "room": "category", "rooms": "categories"}

FOLDERS = ("configs", "consumers", "db", "docs", "grader", "producers", "scripts", "tests")
SUFFIXES = {".md", ".py", ".j2", ".yml", ".sh", ".sql"}
EXCLUDED = {
    "CHANGELOG.md",  # says what earlier versions had, by the names of then
    "docs/fidelity.md",  # quotes what a measurement found
    "tests/docs/test_plain_english.py",
}


def files() -> list[Path]:
    """Every text that somebody reads: sources, documents, templates, the Makefile."""
    found = [path for folder in FOLDERS for path in (PROJECT / folder).rglob("*") if path.suffix in SUFFIXES]
    found += [path for path in PROJECT.iterdir() if path.suffix in SUFFIXES]
    found += [PROJECT / "Makefile", PROJECT / "scripts" / "kit"]
    return sorted(path for path in found if path.relative_to(PROJECT).as_posix() not in EXCLUDED)


def is_benchmark(path: Path) -> bool:
    return "bench" in path.relative_to(PROJECT).as_posix()


def _pattern(phrase: str) -> str:
    between = r"""[\s"'#*_]+"""
    return rf"(?<![A-Za-z])(?:{phrase.replace(' ', between)})(?![A-Za-z])"


def banned_phrases(text: str, *, in_benchmarks: bool = False) -> list[str]:
    """A line for each banned phrase: where, what, and what to write."""
    lists = [(PHRASES, re.IGNORECASE), *([(IN_BENCHMARKS, re.IGNORECASE)] if in_benchmarks else [])]
    found = [(match, use) for words, flag in lists for one, use in words.items() for match in _find(one, text, flag)]
    found += [
        (match, use) for one, use in CASE_SENSITIVE.items() for match in re.finditer(rf"(?<![A-Za-z]){one}", text)
    ]
    return [f"{text.count(chr(10), 0, match.start()) + 1}: {match[0]!r}: write {use!r}" for match, use in found]


def _find(phrase: str, text: str, flag: re.RegexFlag) -> Iterator[re.Match[str]]:
    return re.finditer(_pattern(phrase), text, flag)


def banned_names(source: str) -> list[str]:
    """The same for names in Python: variables, parameters, attributes, functions, keywords."""
    keys = ("id", "arg", "attr", "name")  # of variables; parameters and keywords; attributes; functions and classes
    names = [(node, str(getattr(node, key, ""))) for node in ast.walk(ast.parse(source)) for key in keys]
    return [f"{getattr(node, 'lineno', 0)}: {name!r}: write {NAMES[name]!r}" for node, name in names if name in NAMES]


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_a_file_has_no_banned_word(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = banned_phrases(text, in_benchmarks=is_benchmark(path))
    if path.suffix == ".py":
        found += banned_names(text)
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "how to mend it",
        "def what_they_mend() -> None:",
        "Spark skips batches without a\n# word",
        '"lost without a "\n    "word."',
        "order_dated_back_a_day",
        "It settles the account.",
        "MOST_ROWS = 5",
        "a report's faces",
        "such marks are no one's to lose",
    ],
)
def test_a_banned_phrase_is_seen(text: str) -> None:
    assert len(banned_phrases(text)) == 1


@pytest.mark.parametrize(
    "text", ["we recommend an amendment", "interfaces", "make room for it", "most_common", "ALMOST_ALL", "told apart"]
)
def test_ordinary_english_is_allowed(text: str) -> None:
    assert banned_phrases(text) == []


def test_wanted_is_banned_in_benchmarks_only() -> None:
    assert banned_phrases("Wanted: 2 s") == []
    assert banned_phrases("Wanted: 2 s", in_benchmarks=True) == ["1: 'Wanted': write 'target'"]


@pytest.mark.parametrize("source", ["chance = 1", "def f(say): ...", "f(say=print)", "x.room", "def chance(): ..."])
def test_a_banned_name_is_seen(source: str) -> None:
    assert banned_names(source)


def test_the_files_are_found() -> None:
    names = {path.relative_to(PROJECT).as_posix() for path in files()}
    assert {"Makefile", "README.md", "grader/renderers/report.html.j2", "configs/rubric.yml", "db/orders.sql"} <= names
