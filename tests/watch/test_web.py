"""The page's server: what it answers, and to whom."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from configs.errors import KitError
from configs.settings import load_settings
from scripts.pipeline.temporary_stack import write_config
from scripts.services.processes import wait_until
from scripts.services.stack import Stack
from scripts.watch import web


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    settings = load_settings(write_config(tmp_path_factory.mktemp("web"), {}, "2025em01"), environment={})
    return Stack(settings, reads_environment=False)


@pytest.fixture(scope="module")
def address(stack: Stack) -> Iterator[str]:
    with web.served(stack) as address:
        yield address


def ask(address: str, path: str, method: str = "GET", host: str = "") -> tuple[http.client.HTTPResponse, bytes]:
    place = urlsplit(address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)
    connection.request(method, path, headers={"Host": host or place.netloc})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def test_the_snapshot_has_the_words_of_the_terminal(address: str) -> None:
    answer, body = ask(address, "/snapshot.json")
    assert answer.status == 200
    found = json.loads(body)
    assert found["view"]["title"] == "Orders of 2025em01"
    assert found["view"]["stages"]["rows"][0]["cells"][3].startswith("Postgres does not answer at 127.0.0.1:")
    assert found["flow"]["lag"] is None


def test_the_history_grows(address: str) -> None:
    def length() -> int:
        return len(json.loads(ask(address, "/history.json")[1]))

    assert wait_until(lambda: length() >= 3, timeout=30)


def test_the_page_may_run_only_its_own_script_and_ask_only_its_own_server(address: str) -> None:
    answer, body = ask(address, "/")
    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2]
    assert b"http://" not in body.replace(b"http://www.w3.org/", b"")
    assert b"https://" not in body


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1", "localhost", "127.0.0.1.evil.example"]
)
@pytest.mark.parametrize("path", ["/", "/snapshot.json", "/history.json"])
def test_another_name_for_this_machine_gets_nothing(address: str, host: str, path: str) -> None:
    """A site can lead its own name to 127.0.0.1, and then its scripts may read the answers."""
    answer, body = ask(address, path, host=host)
    assert answer.status == 421
    assert b"2025em01" not in body


def test_localhost_is_the_same_place(address: str) -> None:
    assert ask(address, "/snapshot.json", host=f"localhost:{urlsplit(address).port}")[0].status == 200


@pytest.mark.parametrize("path", ["/../configs/orders_stream.yml", "/snapshot.json?x", "/favicon.ico", "/%2e%2e/"])
def test_there_is_nothing_else(address: str, path: str) -> None:
    assert ask(address, path)[0].status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_only_get_is_answered(address: str, method: str) -> None:
    assert ask(address, "/snapshot.json", method)[0].status == 501


def test_only_this_machine_is_listened_to(address: str) -> None:
    assert urlsplit(address).hostname == "127.0.0.1"


@pytest.mark.parametrize("port", ["no", "70000", "-1", "٣"])
def test_a_port_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(KitError, match=f"PORT is '{port}'"):
        web.port_from_environment()


def test_without_a_port_any_free_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    assert web.port_from_environment() == 0
    monkeypatch.setenv("PORT", "8123")
    assert web.port_from_environment() == 8123


def test_a_port_in_use_is_named(stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(KitError, match=f"PORT={port} is in use by"), web.served(stack, port):
            pass
