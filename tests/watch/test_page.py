"""The page in Chromium, while rows are inserted and after its server has gone."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.pipeline.orders import insert_orders
from scripts.pipeline.table import make_table, require_table
from scripts.pipeline.temporary_stack import temporary_stack
from scripts.services import postgres
from scripts.services.stack import Stack
from scripts.watch import web
from tests.grader.browser import IN_CHROMIUM
from tests.watch.live_browser import LivePage, live_page

pytestmark = [*IN_CHROMIUM, pytest.mark.services]

WIDE = """[...document.querySelectorAll("body *")].filter(one => one.getClientRects().length)
.filter(one => !one.closest(".skip-link, thead") && one.getBoundingClientRect().right > innerWidth + 1)
.map(one => `${one.tagName} ${one.textContent.slice(0, 40)}`).join(", ")"""
SMALL_OR_CUT = """[...document.querySelectorAll(".chart text")].filter(text => {
  const box = text.getBoundingClientRect(), edge = text.ownerSVGElement.getBoundingClientRect();
  return box.left < edge.left - 1 || box.right > edge.right + 1;
}).map(text => text.textContent).join(", ")"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """With Postgres and a table of ten rows; without Kafka."""
    with temporary_stack() as stack:
        postgres.up(stack)
        make_table(stack.settings)
        yield stack


@pytest.fixture
def page(tmp_path: Path) -> Iterator[LivePage]:
    with live_page(tmp_path) as page:
        yield page


def insert(stack: Stack, count: int) -> None:
    with contextlib.closing(postgres.connect(stack.settings.postgres)) as connection:
        insert_orders(connection, require_table(connection, stack.settings).name, count)


def test_rows_that_are_inserted_while_it_is_open_and_a_server_that_goes_and_comes_back(
    stack: Stack, page: LivePage
) -> None:
    shows = "document.querySelector('#stages tr td').textContent === {}"
    with web.served(stack) as address:
        page.open(address)
        page.wait_for("document.querySelector('#stages tbody')")
        page.wait_for(shows.format(json.dumps("10 rows")))
        assert "Kafka does not answer at 127.0.0.1:" in page.text("#stages")
        insert(stack, 25)
        page.wait_for(shows.format(json.dumps("35 rows")))
        page.wait_for("Number(document.querySelector('.inserted span').textContent) > 0")
        page.wait_for("document.querySelector('#rates .inserted .line').getAttribute('d').split('L').length > 3")
        label = page.evaluate("document.querySelector('#rates svg').getAttribute('aria-label')")
        assert label.startswith("Rows per second over the last 5 minutes. Now: inserted ")
        assert not page.evaluate("document.body.classList.contains('away')")
        port = int(address.rstrip("/").rpartition(":")[2])
    page.wait_for("!document.getElementById('away').hidden")
    assert page.text("#away").startswith("No answer from make watch. What is shown is from ")
    assert page.text("#stages tr td") == "35 rows", "the last figures stay"
    with web.served(stack, port):
        page.wait_for("document.getElementById('away').hidden")
        insert(stack, 1)
        page.wait_for(shows.format(json.dumps("36 rows")))
    assert page.problems == []


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(stack: Stack, page: LivePage, width: int) -> None:
    page.resize(width)
    with web.served(stack) as address:
        page.open(address)
        page.wait_for("document.querySelectorAll('#stages tbody tr').length === 7")
        page.wait_for("document.querySelectorAll('.chart text').length > 8")
        assert page.evaluate(WIDE) == ""
        assert page.evaluate(SMALL_OR_CUT) == ""
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_and_light(stack: Stack, page: LivePage) -> None:
    colours = {}
    with web.served(stack) as address:
        page.open(address)
        page.wait_for("document.querySelector('#stages tbody')")
        for scheme in ("light", "dark"):
            page.prefer(scheme)
            style = "getComputedStyle(document.body)"
            colours[scheme] = page.evaluate(f"[{style}.backgroundColor, {style}.color]")
    assert colours == {
        "light": ["rgb(255, 255, 255)", "rgb(27, 36, 48)"],
        "dark": ["rgb(19, 23, 29)", "rgb(229, 233, 239)"],
    }


def test_the_keyboard_alone_pauses_it_and_reaches_every_list(stack: Stack, page: LivePage) -> None:
    with web.served(stack) as address:
        page.open(address)
        page.wait_for("document.querySelector('#stages tbody')")
        reached = []
        for _ in range(5):
            page.press("Tab", 9)
            reached.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
            if reached[-1] == "pause":
                page.press("Enter", 13, "\r")
                assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
                assert page.text("#pause") == "Continue"
        assert reached == ["skip-link", "pause", "scroll long", "scroll long", "scroll long"]
        time = page.text("#time")
        insert(stack, 1)
        page.wait_for(
            "(async () => (await (await fetch('/snapshot.json')).json()).view.time)().then(t => t !== "
            f"{json.dumps(time)})"
        )
        assert page.text("#time") == time
