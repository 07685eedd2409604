"""A proxy in front of S3 that counts requests, and refuses, fails, delays or cuts those that a drill names.

It hands every request on as it is, with its Host header, so signatures hold. A fault is decided request by request.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from configs.settings import ENVIRONMENT_PREFIX
from scripts.services.stack import Stack

_CHUNK = 1 << 16
_TIMEOUT = 60.0  # seconds
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}  # of this connection, not of the next one


@dataclass(frozen=True)
class Fault:
    """What happens to a request: an answer of `status`, a wait of `seconds`, or a connection cut in mid-request."""

    status: int | None = None
    seconds: float = 0.0
    is_cut: bool = False

    def __str__(self) -> str:
        if self.is_cut:
            return "cut"
        return f"{self.seconds:g} s late" if self.status is None else f"answered with {self.status}"


Decide = Callable[[str, str], Fault | None]
"""Method and path of a request -> the fault, None for none."""


@dataclass
class StoreProxy:
    """The proxy. `decide` may be replaced at any time.

    `hit` counts the requests that met a fault; `requests` all, by kind (see `kind_of`).
    """

    target: str
    decide: Decide = field(default=lambda method, path: None)
    hit: int = 0
    requests: Counter[str] = field(default_factory=Counter)

    def apply(self, method: str, path: str) -> Fault | None:
        fault = self.decide(method, path)
        self.requests[kind_of(method, path)] += 1
        self.hit += fault is not None
        return fault


@contextlib.contextmanager
def store_proxy(target: str) -> Iterator[tuple[StoreProxy, str]]:
    """A running proxy in front of the store at `target`, and its own address. Its threads end with the block."""
    store = StoreProxy(target)

    class Handler(_Handler):
        proxied = store

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield store, f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def kind_of(method: str, path: str) -> str:
    """The request as S3's price list names it: a LIST is a GET with a query."""
    return "LIST" if method == "GET" and ("list-type" in path or "prefix=" in path) else method


def behind(stack: Stack, address: str) -> tuple[Stack, Mapping[str, str]]:
    """The stack with S3 at another address, to start its programs with, and the variables that they need then."""
    s3 = stack.settings.s3.model_copy(update={"endpoint": address})
    changed = replace(stack, settings=stack.settings.model_copy(update={"s3": s3}))
    return changed, {f"{ENVIRONMENT_PREFIX}S3__ENDPOINT": address}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxied: StoreProxy

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a drill reports what it has injected."""

    def _handle(self) -> None:
        fault = self.proxied.apply(self.command, self.path)
        size = int(self.headers.get("Content-Length") or 0)
        if fault is not None and fault.is_cut:
            self.rfile.read(size // 2)
            self._cut()
            return
        if "100-continue" in (self.headers.get("Expect") or "").lower():
            self.send_response_only(100)
            self.end_headers()
        body = self.rfile.read(size)
        if fault is not None and fault.status is not None:
            self._answer(fault.status)
            return
        if fault is not None:
            time.sleep(fault.seconds)
        self._hand_on(body)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _handle  # noqa: N815 - the names that http.server asks for

    def _cut(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def _answer(self, status: int) -> None:
        code = {403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}[status]
        text = f"<Error><Code>{code}</Code><Message>a drill</Message></Error>"
        body = b"" if self.command == "HEAD" else text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _hand_on(self, body: bytes) -> None:
        address = urlsplit(self.proxied.target)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in {*_HOP_BY_HOP, "expect"}:
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            self.send_response_only(answer.status, answer.reason)
            length = answer.getheader("Content-Length")
            content = None if length is not None or self.command == "HEAD" else answer.read()
            for name, value in answer.getheaders():
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            if content is not None:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if content is not None:
                self.wfile.write(content)
            elif self.command != "HEAD":
                while block := answer.read(_CHUNK):
                    self.wfile.write(block)
        except (OSError, http.client.HTTPException):
            self._cut()  # the store is away: the client sees that as it would without the proxy
        finally:
            connection.close()
