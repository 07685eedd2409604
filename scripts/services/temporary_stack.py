"""A whole stack beside the user's: ports, data, lake and logs of its own, in a folder that goes away with it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from configs.settings import DEFAULT_CONFIG, load_settings
from scripts import remove
from scripts.services.stack import Stack

Changes = Mapping[str, Mapping[str, Any]]  # section -> key -> value, over the project's own config


@contextlib.contextmanager
def temporary_stack(changes: Changes | None = None, *, rollnumber: str = "2025test01") -> Iterator[Stack]:
    """A stack with nothing started, in a new folder. At the end, also after an error, all that runs in it is stopped
    and all of it is removed.
    """
    folder = Path(tempfile.mkdtemp(prefix="food-orders-stack-"))
    stack = None
    try:
        stack = Stack(load_settings(write_config(folder, changes or {}, rollnumber), environment={}))
        yield stack
    finally:
        if stack is not None:
            remove.reset(stack)
        shutil.rmtree(folder, ignore_errors=True)


def write_config(folder: Path, changes: Changes, rollnumber: str) -> Path:
    """configs/orders_stream.yml in `folder`: the project's values, with free ports and with `changes`."""
    values = yaml.safe_load(DEFAULT_CONFIG.read_text(encoding="utf-8"))
    port = free_ports(1)
    values["rollnumber"] = rollnumber
    values["postgres"].update(jdbc_url=f"jdbc:postgresql://127.0.0.1:{port}/{values['postgres']['db']}", port=port)
    values["kafka"]["brokers"] = f"127.0.0.1:{free_ports(2)}"
    for section, keys in changes.items():
        values.setdefault(section, {}).update(keys)
    path = folder / "configs" / DEFAULT_CONFIG.name
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


def free_ports(count: int) -> int:
    """The first of `count` consecutive ports that nothing listens on."""
    for _ in range(100):
        with contextlib.ExitStack() as held:
            first = held.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                for offset in range(1, count):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port + offset))
            except OSError:
                continue
            return port
    raise OSError("no free ports on 127.0.0.1")
