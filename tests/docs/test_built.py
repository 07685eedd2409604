"""The hand-out and the site as they are built: read back, and opened in a real browser from a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from configs.settings import PROJECT
from grader.checks import all_checks
from grader.rubric import DEFAULT_RUBRIC, load_rubric
from scripts.docs_venv import run_in_docs_venv
from scripts.handout.__main__ import HTML, MARKDOWN, PDF, write_handout
from scripts.handout.course import Course
from scripts.site.__main__ import build_site
from scripts.site.links import mistakes_of
from scripts.site.pages import site_pages
from tests.grader.browser import IN_CHROMIUM, Browser

pytestmark = pytest.mark.venv

COURSE = Course(name='Datenbanken für Große "Daten" #1 [B] $x$', deadline="18 December 2026, 23:59")
_READ = "import sys, pypdf; print('\\f'.join(page.extract_text() for page in pypdf.PdfReader(sys.argv[1]).pages))"
# What a page consists of, in both forms.
_TAGS = ("h1", "h2", "h3", "h4", "li", "table", "tr", "pre", "code", "strong", "img")


@pytest.fixture(scope="module")
def handout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("handout") / "new"
    write_handout(folder, COURSE, DEFAULT_RUBRIC)
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build_site(folder)
    build_site(folder)  # in place of the first
    return folder


def test_the_pdf_has_the_text_the_marks_and_page_numbers(handout: Path) -> None:
    printed = run_in_docs_venv(["-c", _READ, str(handout / PDF)], "the PDF could not be read")
    pages = printed.replace("\u200b", "").split("\f")
    text = " ".join(" ".join(pages).split())
    assert COURSE.name in text
    assert COURSE.deadline in text
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
    rubric = load_rubric(DEFAULT_RUBRIC, all_checks())
    without_breaks = re.sub(r"\s", "", text)
    for check in all_checks().values():
        marks = f"{rubric.points[check.id]:g}" if rubric.points[check.id] else ""
        assert f"{marks}{check.id}{re.sub(r'[`*]', '', check.title)}".replace(" ", "") in without_breaks, check.id


def test_the_three_forms_have_the_same_course(handout: Path) -> None:
    assert COURSE.name in (handout / MARKDOWN).read_text(encoding="utf-8")
    assert "Datenbanken für Große &quot;Daten&quot;" in (handout / HTML).read_text(encoding="utf-8")


def test_the_site_has_every_page_and_no_dead_link_and_loads_nothing_from_outside(site: Path) -> None:
    found = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert found == {page.target.replace(".md", ".html") for page in site_pages(PROJECT)} | {"404.html"}
    assert mistakes_of(site) == []


def test_every_page_of_the_site_is_made_of_what_a_git_host_shows(site: Path) -> None:
    for page in site_pages(PROJECT):
        shown = MarkdownIt("commonmark").enable("table").render((PROJECT / page.source).read_text(encoding="utf-8"))
        built = (site / page.target.replace(".md", ".html")).read_text(encoding="utf-8")
        (article,) = re.findall(r"<article.*?</article>", built, re.DOTALL)
        for tag in _TAGS:
            counts = [len(re.findall(rf"<{tag}[ >]", text)) for text in (shown, article)]
            assert counts[0] == counts[1], f"{page.source}: {tag}"


@contextmanager
def page_beside(site: Path, text: str) -> Iterator[Path]:
    """A page of a test in the site's folder, which is removed afterwards."""
    page = site / "of_this_test.html"
    page.write_text(text, encoding="utf-8")
    try:
        yield page
    finally:
        page.unlink()


class TestInChromium:
    pytestmark = IN_CHROMIUM

    def test_every_page_opens_from_a_folder_without_an_error(self, site: Path, tmp_path: Path) -> None:
        frames = "".join(
            f'<iframe src="{page.target.replace(".md", ".html")}"></iframe>' for page in site_pages(PROJECT)
        )
        with page_beside(site, f"<body>{frames}</body>") as page:
            _, console, hosts = Browser(tmp_path).open(page, "--dump-dom", "--virtual-time-budget=20000")
        assert console == ""
        assert hosts == set()

    def test_the_search_works_from_a_folder(self, site: Path, tmp_path: Path) -> None:
        text = (site / "index.html").read_text(encoding="utf-8")
        with page_beside(site, text.replace("</body>", f"<script>{_SEARCH}</script></body>")) as page:
            printed, console, hosts = Browser(tmp_path).open(page, "--dump-dom", "--virtual-time-budget=20000")
        assert console == ""
        assert hosts == set()
        (found,) = re.findall(r"<title>(.*?)</title>", printed, re.DOTALL)[:1]
        assert "no_duplicate_orders" in found

    def test_the_handout_opens_without_an_error(self, handout: Path, tmp_path: Path) -> None:
        _, console, hosts = Browser(tmp_path).open(handout / HTML, "--dump-dom")
        assert console == ""
        assert hosts == set()


# Types a word into the search, whose field is in a shadow tree, and puts what it shows into the page's title.
_SEARCH = """
const all = root => [...root.querySelectorAll("*")].flatMap(one => [one, ...one.shadowRoot ? all(one.shadowRoot) : []]);
const wait = setInterval(() => {
  const field = all(document).find(one => one.tagName === "INPUT" && one.placeholder === "Search");
  if (!field) { document.querySelector(".md-search__button")?.click(); return; }
  if (!field.value) { field.value = "no_duplicate_orders"; field.dispatchEvent(new Event("input", { bubbles: true })); }
  const found = all(document).filter(one => one.tagName === "A" && one.getRootNode() !== document);
  if (found.length) { document.title = found.map(one => one.textContent).join(" "); clearInterval(wait); }
}, 100);
"""
