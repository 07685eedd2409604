"""report.html in a real browser."""

from __future__ import annotations

import re
import struct
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from grader.builder import Submission
from grader.checks import all_checks
from grader.grading import judge_checks
from grader.renderers import html
from grader.renderers.timeline import MAX_BARS, Batch, Moment, Span, Timeline, timeline
from grader.rubric import DEFAULT_RUBRIC, load_rubric
from tests.grader.browser import FIND_WIDE, IN_CHROMIUM, Browser
from tests.grader.report_submission import SCRIPT, hostile_submission

pytestmark = IN_CHROMIUM

# Writes every pair of texts in a drawing that touch, and every text that its drawing cuts, into the page's title.
FIND_OVERLAPS = """<script>
const found = [], meets = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
for (const svg of document.querySelectorAll(".chart svg")) {
  const edge = svg.getBoundingClientRect(), texts = [...svg.querySelectorAll("text")].filter(text => text.textContent);
  const boxes = texts.map(text => [text.textContent, text.getBoundingClientRect()]);
  boxes.forEach(([text, box], at) => {
    if (box.left < edge.left - 1 || box.right > edge.right + 1) found.push(`${text} is cut`);
    boxes.slice(0, at).filter(([, other]) => meets(box, other)).forEach(([other]) => found.push(`${other} on ${text}`));
  });
}
document.title = `${document.querySelectorAll(".chart text").length} texts: ${found.join(", ")}`;
</script>"""
LIGHT, DARK = "preferredColorScheme=1", "preferredColorScheme=0"


class Dom(HTMLParser):
    """The page as the browser understood it: tags, attributes that run something, and points of each chart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: list[str] = []
        self.points: dict[str, dict[str, int]] = {}
        self._figure = self._series = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.handlers += [name for name in values if name.startswith("on")]
        if tag == "figure":
            self._figure = values["id"]
        if tag == "g" and values.get("class", "").startswith("series "):
            self._series = values["class"].removeprefix("series ")
        if tag in ("circle", "rect") and values.get("class") in ("dot", "bar"):
            series = self.points.setdefault(self._figure, {})
            series[self._series] = series.get(self._series, 0) + 1


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a submission with mistakes and markup in its texts."""
    folder = tmp_path_factory.mktemp("page")
    checks = all_checks()
    evidence = hostile_submission(folder / "2025em1100471").evidence()
    report = judge_checks(evidence, SCRIPT, checks, load_rubric(DEFAULT_RUBRIC, checks))
    path = folder / "report.html"
    path.write_text(html.render(report, "2025-11-20T08:00:00Z", timeline(evidence)), encoding="utf-8")
    assert "&lt;script&gt;" in path.read_text(encoding="utf-8")
    return path


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Browser(tmp_path)


def test_page_is_what_was_written(page: Path, browser: Browser) -> None:
    text, console, hosts = browser.open(page, "--dump-dom")
    dom = Dom(text)
    assert console == ""
    assert hosts == set()
    assert not dom.tags & {"script", "img", "iframe", "link", "object"}
    assert dom.handlers == []
    assert dom.points == {
        "rows": {"postgres": 7, "kafka": 9, "lake": 9},
        "watermark": {"inserted": 2, "lake": 5, "state": 5},
        "dates": {"lake": 2},
        "batches": {"kafka": 4, "lake": 4},
    }


def test_hosts_of_a_page_that_asks_for_one_are_seen(tmp_path: Path, browser: Browser) -> None:
    """Else the test above could not fail."""
    asking = tmp_path / "asking.html"
    asking.write_text('<img src="http://example.invalid/x"><script>console.error("seen")</script>')
    _, console, hosts = browser.open(asking, "--dump-dom")
    assert hosts == {"example.invalid"}
    assert "seen" in console


def crowded(name: str, seconds: int) -> Timeline:
    """As many moments, rounds, dates and batches as a chart may get; `seconds` lie between two moments."""
    at = [1_763_640_000_000_000 + n * seconds * 1_000_000 for n in range(119)]
    moments = [Moment(us, "seen", None, n * seconds, -n, n, us, us, us) for n, us in enumerate(at)]
    return Timeline(
        moments=(*moments, Moment(None, "graded", lake=0)),
        rounds=tuple(Span(f"round {n} (run 2)", n * 5, n * 5 + n % 9) for n in range(20)),
        dates=tuple((f"{name}{n}", n) for n in range(MAX_BARS)),
        batches=tuple(Batch(f"{n * 999}–{n * 999 + 998}", 10**17, n) for n in range(MAX_BARS)),
    )


@pytest.mark.parametrize(("name", "seconds"), [("2025-11-1", 1), ("mWWWWWWWWWWWWWWWWW", 90_000), ("表", 10**11)])
def test_labels_do_not_overlap(name: str, seconds: int, browser: Browser, tmp_path: Path) -> None:
    checks = all_checks()
    report = judge_checks(Submission(tmp_path / "empty").evidence(), "x", checks, load_rubric(DEFAULT_RUBRIC, checks))
    text = html.render(report, "2025-11-20T08:00:00Z", crowded(name, seconds))
    assert text.count(">now</text>") == 2, "what has no room is thinned out, and not all of it left out"
    path = tmp_path / "crowded.html"
    path.write_text(text.replace("default-src 'none'", "script-src 'unsafe-inline'") + FIND_OVERLAPS, encoding="utf-8")
    printed, _, _ = browser.open(path, "--dump-dom", "--window-size=1000,900")
    (found,) = re.findall(r"<title>(\d+) texts: (.*?)</title>", printed)[:1]
    assert int(found[0]) > 40
    assert found[1] == ""


def test_a_phone_shows_the_page_without_scrolling_sideways(page: Path, browser: Browser, tmp_path: Path) -> None:
    """Only the charts are wider, and scroll on their own. The rows are listed, one value on a line."""
    path = tmp_path / "phone.html"
    text = page.read_text(encoding="utf-8").replace("<details", "<details open")
    path.write_text(text.replace("default-src 'none'", "script-src 'unsafe-inline'") + FIND_WIDE, encoding="utf-8")
    printed, _, _ = browser.open(path, "--dump-dom", "--window-size=390,900")
    (found,) = re.findall(r"<title>(\d+) elements: (.*?)</title>", printed, re.DOTALL)[:1]
    assert int(found[0]) > 300
    assert found[1] == ""


def test_dark_and_light(page: Path, browser: Browser, tmp_path: Path) -> None:
    colours = {}
    for scheme in (LIGHT, DARK):
        picture = tmp_path / "page.png"
        browser.open(page, f"--blink-settings={scheme}", "--window-size=1200,900", f"--screenshot={picture}")
        colours[scheme] = _first_pixel(picture)
    assert colours == {LIGHT: (255, 255, 255), DARK: (0x13, 0x17, 0x1D)}


def test_prints(page: Path, browser: Browser, tmp_path: Path) -> None:
    paper = tmp_path / "page.pdf"
    browser.open(page, f"--print-to-pdf={paper}", "--no-pdf-header-footer")
    content = paper.read_bytes()
    assert content.startswith(b"%PDF-")
    assert 1 <= content.count(b"/Type /Page\n") <= 8


def _first_pixel(picture: Path) -> tuple[int, ...]:
    """Red, green and blue of the upper left pixel: https://www.w3.org/TR/png/, 5.3 and 9.2.

    Whatever a row's filter, the first pixel of the first row has no neighbour to differ from.
    """
    content = picture.read_bytes()
    at, packed = 8, b""
    while at < len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        if kind == b"IDAT":
            packed += content[at + 8 : at + 8 + length]
        at += 12 + length
    return tuple(zlib.decompress(packed)[1:4])
