"""The site: every document is on it, by its reader; links lead somewhere; lists mean what a git host shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from configs.errors import KitError
from configs.settings import PROJECT
from scripts.pictures.__main__ import FOLDER, MAX_BYTES, PICTURES
from scripts.site.__main__ import build_site
from scripts.site.indentation import for_python_markdown
from scripts.site.links import mistakes_of
from scripts.site.pages import READERS, Page, site_pages
from scripts.site.source import write_source


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with each document that the site has, and nothing else."""
    folder = tmp_path / "project"
    for sources in READERS.values():
        for source in sources:
            path = folder / source
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"# Page {path.stem}\n", encoding="utf-8")
    return folder


def test_every_document_is_on_the_site() -> None:
    assert {page.source for page in site_pages(PROJECT)} >= {
        path.relative_to(PROJECT).as_posix() for path in (PROJECT / "docs").glob("*.md")
    }


def test_a_document_that_no_reader_has_is_named(project: Path) -> None:
    (project / "docs" / "new.md").write_text("# New\n", encoding="utf-8")
    with pytest.raises(KitError, match=r"docs/new\.md is not on the site.*READERS"):
        site_pages(project)


def test_a_document_that_is_gone_is_named(project: Path) -> None:
    (project / "docs" / "glossary.md").unlink()
    with pytest.raises(KitError, match=r"glossary\.md is missing"):
        site_pages(project)


def test_the_folder_of_pitfalls_is_taken_if_it_is_there(project: Path) -> None:
    before = site_pages(project)
    folder = project / "docs" / "pitfalls"
    folder.mkdir()
    for name in ("a_tie.md", "README.md"):
        (folder / name).write_text(f"# {name}\n", encoding="utf-8")
    assert site_pages(project)[len(before) :] == (
        Page("Pitfalls", "docs/pitfalls/README.md", "pitfalls/index.md", "README.md"),
        Page("Pitfalls", "docs/pitfalls/a_tie.md", "pitfalls/a_tie.md", "a_tie.md"),
    )


def test_links_fit_the_place_on_the_site(project: Path, tmp_path: Path) -> None:
    (project / "configs").mkdir()
    (project / "configs" / "rubric.yml").write_text("totals:\n", encoding="utf-8")
    (project / "docs" / "pictures").mkdir()
    (project / "docs" / "pictures" / "report.png").write_bytes(b"png")
    (project / "README.md").write_text(
        "# T\n[a](docs/checks.md#one) [b](CONTRIBUTING.md) ![p](docs/pictures/report.png)\n"
        "[c](https://c.example) [d](#t)\n"
        "`[e](nothing.md)`\n```\n[f](nothing.md)\n```\n",
        encoding="utf-8",
    )
    (project / "docs" / "reports.md").write_text(
        "# R\n[r](../configs/rubric.yml) [t](../README.md)\n", encoding="utf-8"
    )
    write_source(project, site_pages(project), tmp_path / "source")
    assert (tmp_path / "source" / "index.md").read_text(encoding="utf-8") == (
        "# T\n[a](checks.md#one) [b](contributing.md) ![p](pictures/report.png)\n[c](https://c.example) [d](#t)\n"
        "`[e](nothing.md)`\n```\n[f](nothing.md)\n```\n"
    )
    assert "[r](files/configs/rubric.yml) [t](index.md)" in (tmp_path / "source" / "reports.md").read_text("utf-8")
    assert (tmp_path / "source" / "files" / "configs" / "rubric.yml").read_text(encoding="utf-8") == "totals:\n"
    assert (tmp_path / "source" / "pictures" / "report.png").read_bytes() == b"png"


def test_a_link_to_nothing_is_named(project: Path, tmp_path: Path) -> None:
    (project / "docs" / "student.md").write_text("# S\n[x](gone.md)\n", encoding="utf-8")
    with pytest.raises(KitError, match=r"docs/student\.md links to gone\.md"):
        write_source(project, site_pages(project), tmp_path / "source")


@pytest.mark.parametrize(
    ("common", "python"),
    [
        ("text\n- a\n- b\n", "text\n\n-   a\n-   b\n"),
        ("1. a\n   more\n2. b\n", "1.  a\n    more\n2.  b\n"),
        ("- a\nlazy\n", "-   a\n    lazy\n"),
        ("1. a\n   - b\n     c\n2. d\n", "1.  a\n\n    -   b\n        c\n\n2.  d\n"),
        ("1. a\n\n       code\n2. b\n", "1.  a\n\n        code\n\n2.  b\n"),
        ("1. a\n\n   ```text\n   code\n   ```\n", "1.  a\n\n    ```text\n    code\n    ```\n"),
        ("- a\n\n  | b |\n  |---|\n", "-   a\n\n    | b |\n    |---|\n"),
        ("10. a\n    b\n", "10. a\n    b\n"),
        ("no list\n\n    code\n", "no list\n\n    code\n"),
    ],
)
def test_lists_are_written_as_python_markdown_reads_them(common: str, python: str) -> None:
    assert for_python_markdown(common) == python


def site_of(folder: Path, **pages: str) -> Path:
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<html><body>{body}</body></html>", encoding="utf-8")
    return folder


def test_a_site_in_order_has_no_mistake(tmp_path: Path) -> None:
    site = site_of(
        tmp_path, a='<a href="b.html#x">b</a><a href="https://b.example">c</a><a href="#y" id="y">d</a>', b='<p id="x">'
    )
    assert mistakes_of(site) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<a href="gone.html">', "links to gone.html, which is not there"),
        ('<a href="b.html#gone">', "links to b.html#gone, which has no such anchor"),
        ('<a href="#gone">', "links to #gone, which has no such anchor"),
        ('<img src="gone.png">', "loads gone.png, which is not there"),
        ('<script src="https://cdn.example/x.js"></script>', "loads https://cdn.example/x.js, which is outside"),
        ('<link rel="stylesheet" href="//fonts.example/x.css">', "loads //fonts.example/x.css, which is outside"),
        ('<img src="http://img.example/x.png">', "loads http://img.example/x.png, which is outside"),
    ],
)
def test_a_dead_link_and_an_address_outside_are_seen(tmp_path: Path, body: str, said: str) -> None:
    assert mistakes_of(site_of(tmp_path, a=body, b="")) == [f"a.html: {said}"]


def test_a_folder_with_other_files_is_never_replaced(project: Path, tmp_path: Path) -> None:
    mine = tmp_path / "out" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("keep", encoding="utf-8")
    with pytest.raises(KitError, match="files that are no site"):
        build_site(mine.parent, project)
    assert mine.read_text(encoding="utf-8") == "keep"


def slugs(path: Path) -> set[str]:
    """The anchors that a git host gives the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", site_pages(PROJECT), ids=lambda page: page.source)
def test_every_anchor_that_a_document_links_to_is_there(page: Page) -> None:
    path = PROJECT / page.source
    links = re.findall(r"\]\(([^()\s:]*)#([^()\s]+)\)", path.read_text(encoding="utf-8"))
    targets = [((path.parent / name) if name else path, anchor) for name, anchor in links]
    assert [f"{target.name}#{anchor}" for target, anchor in targets if anchor not in slugs(target)] == []


def test_every_picture_is_small_and_shown_and_can_be_taken_again() -> None:
    files = sorted(FOLDER.glob("*"))
    assert [path.name for path in files if path.stat().st_size > MAX_BYTES] == []
    assert {path.name for path in files} == {f"{picture.name}.png" for picture in PICTURES}
    text = "".join((PROJECT / page.source).read_text(encoding="utf-8") for page in site_pages(PROJECT))
    assert [path.name for path in files if f"pictures/{path.name})" not in text] == []
