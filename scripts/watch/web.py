"""The live view as a page at 127.0.0.1: one HTML file, which asks for a new snapshot every second."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from configs.errors import KitError
from grader.renderers.page_template import page_template
from scripts.services.ports import find_listener
from scripts.services.stack import Stack
from scripts.watch.reader import Reader
from scripts.watch.snapshot import Flow, Snapshot
from scripts.watch.view import view

HOST = "127.0.0.1"
INTERVAL = 0.5  # seconds between two snapshots
PATIENCE = 0.3  # seconds that a snapshot waits for a part
HISTORY = 300.0  # seconds that the charts show
TEMPLATE, SCRIPT = (Path(__file__).with_name(name) for name in ("page.html.j2", "page.js"))


def port_from_environment() -> int:
    """The port that PORT names; 0, for any free one, without it.

    Raises:
        KitError: it is no port.
    """
    text = os.environ.get("PORT", "").strip() or "0"
    if not (text.isascii() and text.isdigit() and int(text) < 65_536):
        raise KitError(f"PORT is {text!r}; allowed is a number from 1024 to 65535. Without it any free port is used.")
    return int(text)


def serve(stack: Stack, port: int) -> int:
    """Serve the page until Ctrl-C. Exit code 0.

    Raises:
        KitError: the port is in use.
    """
    with contextlib.suppress(KeyboardInterrupt), served(stack, port) as address:  # Ctrl-C is the way to end it
        print(f"The live view is at {address}  (Ctrl-C ends it)")
        threading.Event().wait()
    return 0


@contextlib.contextmanager
def served(stack: Stack, port: int = 0) -> Iterator[str]:
    """The address of the page, which is served in threads until the end of the block.

    Raises:
        KitError: the port is in use.
    """
    with contextlib.closing(Reader(stack)) as reader, _server(port) as server:
        stopped = threading.Event()
        server.add(reader.read(PATIENCE))

        def read() -> None:
            while not stopped.wait(INTERVAL):
                server.add(reader.read(PATIENCE))

        threads = [threading.Thread(target=target, daemon=True) for target in (read, server.serve_forever)]
        for thread in threads:
            thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}/"
        finally:
            stopped.set()
            server.shutdown()
            for thread in threads:
                thread.join()


def _server(port: int) -> _Server:
    try:
        return _Server((HOST, port), _Handler)
    except PermissionError:
        raise KitError(f"PORT={port} may not be used. Choose a port above 1023.") from None
    except OSError:
        raise KitError(
            f"PORT={port} is in use{find_listener(port)}. Choose another one. Without PORT any free one is used."
        ) from None


class _Server(ThreadingHTTPServer):
    """Answers with the last snapshot that it got."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.flows: deque[Flow] = deque(maxlen=int(HISTORY / INTERVAL))
        self.snapshot = b""
        self.page, self.policy = _page()
        super().__init__(address, handler)

    def add(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot_json(snapshot)
        self.flows.append(snapshot.flow)

    def is_own(self, host: str) -> bool:
        """Whether a request was for this server by name. A site that leads its own name here must not read it."""
        return host in {f"{name}:{self.server_port}" for name in (HOST, "localhost")}


def snapshot_json(snapshot: Snapshot) -> bytes:
    """The view and the flow, as page.js reads them."""
    return json.dumps({"view": asdict(view(snapshot)), "flow": asdict(snapshot.flow)}).encode()


def _page() -> tuple[bytes, str]:
    """The page, and the policy with which a browser runs its own script and asks no other host."""
    script = SCRIPT.read_text(encoding="utf-8")
    page = page_template(TEMPLATE, {}).render(script=script, history=HISTORY)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; connect-src 'self'; "
        "img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    return page.encode(), policy


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10  # seconds for a request

    def do_GET(self) -> None:
        if not self.server.is_own(self.headers.get("Host", "")):
            self._answer(HTTPStatus.MISDIRECTED_REQUEST, "text/plain", b"This server has another name.\n")
        elif self.path == "/":
            self._answer(HTTPStatus.OK, "text/html", self.server.page)
        elif self.path == "/snapshot.json":
            self._answer(HTTPStatus.OK, "application/json", self.server.snapshot)
        elif self.path == "/history.json":
            flows = json.dumps([asdict(flow) for flow in list(self.server.flows)])
            self._answer(HTTPStatus.OK, "application/json", flows.encode())
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"There is /, /snapshot.json and /history.json.\n")

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not reported: there is one every second."""
