"""What a Spark master reports, and what a program says that waits for its cores."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from configs.spark_master import Application, Cluster, Worker, addresses, find_cluster, web_port, why_waiting
from scripts.pipeline.temporary_stack import held_ports

PRODUCER = Application("app-1", "orders_cdc_producer", 1)
WAITING = Application("app-2", "orders_stream_consumer", 0)


def worker(state: str = "ALIVE", free: int = 0) -> Worker:
    return Worker("worker-1", state, 1, free)


@pytest.mark.parametrize(
    ("master", "found"),
    [
        ("spark://127.0.0.1:7077", (("127.0.0.1", 7077),)),
        ("spark://one:7077,two:7078", (("one", 7077), ("two", 7078))),
        ("spark://host", ()),
        ("local[2]", ()),
        ("yarn", ()),
    ],
)
def test_the_addresses_of_masters(master: str, found: tuple[tuple[str, int], ...]) -> None:
    assert addresses(master) == found


@dataclass
class Pages:
    """A server at the place of a master's pages, which answers with `text`."""

    port: int
    text: bytes = b""
    asked: list[str] = field(default_factory=list)

    @property
    def master(self) -> str:
        return f"spark://127.0.0.1:{self.port}"

    def report(self, **changes: Any) -> None:
        found: dict[str, Any] = {
            "url": self.master,
            "status": "ALIVE",
            "workers": [{"id": "worker-1", "state": "ALIVE", "cores": 1, "coresfree": 0}],
            "activeapps": [
                {"id": "app-1", "name": "orders_cdc_producer", "cores": 1},
                {"id": "app-2", "name": "orders_stream_consumer", "cores": 0},
            ],
        }
        self.text = json.dumps({**found, **changes}).encode()


@pytest.fixture
def pages() -> Iterator[Pages]:
    with held_ports(2) as port:
        found = Pages(port)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found.asked.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(found.text)

            def log_message(self, format: str, *args: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", web_port(port)), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield found
            finally:
                server.shutdown()
                thread.join()


def test_workers_and_applications_are_read_from_the_pages_of_the_master(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    pages.report()
    assert find_cluster(pages.master) == Cluster((worker(),), (PRODUCER, WAITING))
    assert pages.asked == ["/json/"]


@pytest.mark.parametrize(
    "changes", [{"url": "spark://127.0.0.1:1"}, {"status": "RECOVERING"}, {"workers": None}, {"activeapps": [{}]}]
)
def test_another_master_or_half_a_report_is_no_answer(pages: Pages, changes: dict[str, Any]) -> None:
    pages.report(**changes)
    assert find_cluster(pages.master) is None


@pytest.mark.parametrize("text", [b"", b"<html>", b"[]", b"7"])
def test_pages_of_something_else_are_no_answer(pages: Pages, text: bytes) -> None:
    pages.text = text
    assert find_cluster(pages.master) is None


def test_a_program_that_waits_learns_who_has_the_cores() -> None:
    text = why_waiting(Cluster((worker(), worker("DEAD", free=1)), (PRODUCER, WAITING)))
    assert "all cores are taken, by orders_cdc_producer (1 core)" in text
    assert "Lower spark.cores" in text


def test_cores_that_are_free_and_not_given_point_to_the_memory() -> None:
    text = why_waiting(Cluster((worker(free=1),), (WAITING,)))
    assert "1 core of 1 worker free" in text
    assert "spark.executor_memory" in text


def test_an_executor_that_does_not_start_is_not_taken_for_a_lack_of_cores() -> None:
    text = why_waiting(Cluster((worker(),), (PRODUCER, WAITING)), PRODUCER.id)
    assert "it has 1 core, but its executor has not started" in text
    assert "`make logs`" in text
    assert "all cores are taken" in why_waiting(Cluster((worker(),), (PRODUCER, WAITING)), WAITING.id)


def test_without_a_worker_the_next_step_is_up() -> None:
    assert "no worker is alive. `make up`" in why_waiting(Cluster((worker("DEAD", free=1),), (WAITING,)))
