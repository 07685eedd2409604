"""The class page in a real browser, with 300 rows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from grader.checks import all_checks
from grader.class_run.copies import Copy
from grader.class_run.discovery import Found, NoSubmission
from grader.class_run.fingerprints import Fingerprints
from grader.class_run.gradebook import NO_SUBMISSION, Row
from grader.class_run.page import Bar, histogram, render_page
from grader.class_run.record import Record
from grader.class_run.roster import Person
from grader.rubric import DEFAULT_RUBRIC, load_rubric
from tests.grader.browser import FIND_WIDE, IN_CHROMIUM, Browser
from tests.grader.report_submission import IMAGE, SCRIPT

RUBRIC = load_rubric(DEFAULT_RUBRIC, all_checks())
ROWS = 300


def row(number: int) -> Row:
    """Every tenth failed two checks, every hundredth has no mark, the last five handed nothing in."""
    rollnumber = f"2025em1{number:06}"
    person = Person(rollnumber, f"Student {number}" if number else SCRIPT)
    if number >= ROWS - 5:
        return Row(None, None, person, rollnumber, NO_SUBMISSION)
    failed = ["no_missing_orders", "no_duplicate_orders"] if number % 10 == 3 else []
    is_error = number % 100 == 50
    record = Record(
        inputs="",
        submission=rollnumber,
        verdict="error" if is_error else "fail" if failed else "pass",
        score=None if is_error else 20 - number % 7 * len(failed) / 2,
        max_score=None if is_error else 20,
        rollnumber=rollnumber,
        producer="9.5 of 10",
        consumer="10 of 10",
        seconds=number / 100,
        note=f"no_missing_orders: 1 of 20 orders is missing: {IMAGE}" if failed else "",
        checks={check: "FAIL" if check in failed else "PASS" for check in RUBRIC.points},
        losses=dict.fromkeys(failed, 1.5),
        files={},
        fingerprints=Fingerprints(),
    )
    name = f"Section A/{rollnumber}.zip" if number else "a b?#%.zip"
    return Row(Found(Path(name), name, name.rpartition("/")[2], ""), record, person, rollnumber, record.note)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [row(number) for number in range(ROWS)]
    copies = [Copy("the same files", ("a.zip", "b.zip", SCRIPT), "sha256 of all: 7e2d52ca3373")]
    others = [NoSubmission(f"notes {SCRIPT}.txt", "a file")]
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(render_page(rows, copies, others, RUBRIC, "2025-11-20T08:00:00Z"), encoding="utf-8")
    return path


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Browser(tmp_path)


class TestInChromium:
    pytestmark = IN_CHROMIUM

    def test_only_its_own_script_runs_and_it_asks_for_nothing(self, page: Path, browser: Browser) -> None:
        text, console, hosts = browser.open(page, "--dump-dom")
        assert console == ""
        assert hosts == set()
        assert text.count("<script") == 1
        assert "<img" not in text
        assert "300 of 300 rows" in text, "the script has run"

    def test_another_script_is_blocked(self, page: Path, browser: Browser, tmp_path: Path) -> None:
        path = tmp_path / "other.html"
        path.write_text(page.read_text() + "<script>document.title = 'ran'</script>")
        text, console, _ = browser.open(path, "--dump-dom")
        assert "<title>ran" not in text
        assert "Content Security Policy" in console

    def test_search_filter_sort_and_keys(self, page: Path, browser: Browser, tmp_path: Path) -> None:
        found = self._after(page, browser, tmp_path, USE)
        assert found == {
            "search": ["1 of 300 rows", "2025em1000123"],
            "verdict": "3 of 300 rows",
            "check": "30 of 300 rows",
            "passed check": "265 of 300 rows",
            "most failed": ["no_missing_orders", "30 of 300 rows"],
            "lowest mark": ["14", "ascending"],
            "highest mark": ["20", "descending"],
            "without a mark": ["", ""],
            "numbers": ["0", "0.01", "0.02"],
            "slash": "search",
            "typing": "search",
            "j": "2025em1000001.zip",
            "k": "a b?#%.zip",
            "escape": "300 of 300 rows",
        }

    def test_links_lead_to_the_reports(self, page: Path) -> None:
        hrefs = re.findall(r'href="([^"]+report\.html)"', page.read_text())
        assert "a%20b%3F%23%25.zip/report.html" in hrefs
        assert len(set(hrefs)) == ROWS - 5

    def test_a_phone_shows_it_without_scrolling_sideways(self, page: Path, browser: Browser, tmp_path: Path) -> None:
        path = tmp_path / "phone.html"
        text = page.read_text().replace("<details", "<details open")
        path.write_text(_any_script(text) + FIND_WIDE, encoding="utf-8")
        printed, _, _ = browser.open(path, "--dump-dom", "--window-size=390,900")
        (found,) = re.findall(r"<title>(\d+) elements: (.*?)</title>", printed, re.DOTALL)[:1]
        assert int(found[0]) > 3000
        assert found[1] == ""

    def test_without_its_script_it_shows_every_row(self, page: Path, browser: Browser, tmp_path: Path) -> None:
        path = tmp_path / "plain.html"
        path.write_text(re.sub(r"<script>.*</script>", "", page.read_text(), flags=re.DOTALL))
        text, _, _ = browser.open(path, "--dump-dom")
        assert text.count("<tr data-verdict=") == ROWS
        assert '<tr data-verdict="pass" hidden' not in text
        assert 'id="controls" hidden' in text

    @staticmethod
    def _after(page: Path, browser: Browser, folder: Path, script: str) -> object:
        """What a script that uses the page wrote into its title, as JSON."""
        path = folder / "used.html"
        path.write_text(_any_script(page.read_text()) + f"<script>{script}</script>", encoding="utf-8")
        text, console, _ = browser.open(path, "--dump-dom", "--window-size=1280,900")
        assert console == ""
        (title,) = re.findall(r"<title>(.*?)</title>", text, re.DOTALL)[:1]
        return json.loads(title)


def _any_script(text: str) -> str:
    return re.sub(r"script-src '[^']+'", "script-src 'unsafe-inline'", text)


USE = """
const found = {}, one = id => document.getElementById(id);
const set = (id, value) => { one(id).value = value; one(id).dispatchEvent(new Event("input")); };
const seen = () => [...document.querySelectorAll("#class tbody tr")].filter(row => !row.hidden);
const press = key => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const head = name => [...document.querySelectorAll("#class th button")].find(button => button.textContent === name);
const column = at => seen().map(row => row.cells[at].dataset.value ?? row.cells[at].textContent.trim());
set("search", "STUDENT 000123"); set("search", "2025em1000123 pass");
set("search", "em1000123");
found.search = [one("shown").textContent, seen()[0].cells[1].textContent];
set("search", "");
set("verdict", "error"); found.verdict = one("shown").textContent; set("verdict", "");
set("check", "no_duplicate_orders"); found.check = one("shown").textContent;
set("word", "PASS"); found["passed check"] = one("shown").textContent; set("check", "");
document.querySelector("button[data-check]").click();
found["most failed"] = [one("check").value, one("shown").textContent]; set("check", "");
head("Mark").click(); found["lowest mark"] = [column(4)[0], head("Mark").closest("th").getAttribute("aria-sort")];
head("Mark").click(); found["highest mark"] = [column(4)[0], head("Mark").closest("th").getAttribute("aria-sort")];
found["without a mark"] = column(4).slice(-2);
head("Seconds").click(); found.numbers = column(7).slice(0, 3);
document.activeElement.blur();
press("/"); found.slash = document.activeElement.id;
press("j"); found.typing = document.activeElement.id;
set("search", "zip"); document.activeElement.blur();
press("j"); press("j"); found.j = document.activeElement.textContent.split("/").pop();
press("k"); press("k"); found.k = document.activeElement.textContent;
one("search").focus(); press("Escape"); found.escape = one("shown").textContent;
document.title = JSON.stringify(found);
"""


def test_the_histogram_counts_every_mark_once() -> None:
    marks = [0, 0.5, 1, 19.99, 20, 20]
    bars = histogram(marks, 20)
    assert len(bars) == 20
    assert (bars[0], bars[1], bars[-1]) == (Bar(0, 1, 2), Bar(1, 2, 1), Bar(19, 20, 3))
    assert sum(bar.count for bar in bars) == len(marks)
    assert sum(bar.count for bar in histogram([0, 55, 100], 100)) == 3


def test_a_class_without_any_result_has_a_page() -> None:
    waiting = Row(Found(Path("x"), "x", "x", ""), None, Person(), "", "not graded yet")
    text = render_page([waiting], [], [], RUBRIC, "2025-11-20T08:00:00Z")
    assert "0 of 1 submission graded" in text
    assert "not graded yet" in text
