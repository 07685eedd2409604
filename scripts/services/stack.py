"""A stack: one settings file, the folder it counts from, and what runs for it. Several can run side by side."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from configs.errors import KitError
from configs.settings import Settings, load_settings
from scripts.services.processes import PidFile

SERVICES = ("embedded", "docker", "external")


@dataclass(frozen=True)
class Stack:
    """A settings file and how its services are run: "embedded", "docker" or "external"."""

    settings: Settings
    services: str = "embedded"

    @property
    def home(self) -> Path:
        """Where the stack keeps data, logs and pid files of what it runs."""
        return self.settings.root / ".kit"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    def pid_file(self, name: str) -> PidFile:
        return PidFile(self.home / "run" / f"{name}.json")

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One command at a time may start or stop what this stack runs."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Waiting for another `make` of this project that starts or stops services ...", flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def open_stack(config: Path | str | None = None, services: str | None = None) -> Stack:
    """The stack of a config file, as CONFIG and SERVICES in the environment say where nothing is given.

    Raises:
        KitError: SERVICES is none of embedded, docker, external.
        SettingsError: the config cannot be used.
    """
    services = services or os.environ.get("SERVICES") or "embedded"
    if services not in SERVICES:
        raise KitError(f"SERVICES is {services!r}; allowed: {', '.join(SERVICES)}.")
    return Stack(load_settings(config), services)


LOCAL_HOSTS = ("localhost", "127.0.0.1")


def require_local(host: str, key: str) -> None:
    """Embedded services listen on this machine only.

    Raises:
        KitError: the config names another host.
    """
    if host not in LOCAL_HOSTS:
        raise KitError(
            f"{key} names the host {host!r}, but SERVICES=embedded runs on this machine. Put 127.0.0.1 there, or use "
            "the service of that host with SERVICES=external."
        )
