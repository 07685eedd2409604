"""Ports on this machine: whether one is free, and who listens on it, another clone of this kit for example."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

from configs.errors import KitError


@dataclass(frozen=True)
class Listener:
    """Who listens on a port. The system may not show it: then it has no name and no pid.

    `folder`: of the clone of this kit that has started it; None for any other program.
    """

    name: str = ""
    pid: int | None = None
    folder: Path | None = None

    def __str__(self) -> str:
        """Such as " by postgres (pid 7)"; empty if nothing is known."""
        if self.pid is None:
            return ""
        by_kit = "" if self.folder is None else f", which the clone of this kit in {self.folder} has started"
        return f" by {self.name} (pid {self.pid}){by_kit}"


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a service can listen there.

    Raises:
        PermissionError: the system allows this port to root only.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise
        except OSError:
            return False
    return True


def find_listener(port: int) -> Listener:
    """Who listens on a port that is not free."""
    try:
        for connection in psutil.net_connections("tcp"):
            at = connection.laddr
            if connection.status == psutil.CONN_LISTEN and at and at.port == port and connection.pid:
                process = psutil.Process(connection.pid)
                return Listener(process.name(), connection.pid, _kit_folder(process))
    except (psutil.AccessDenied, psutil.NoSuchProcess, OSError):
        pass
    return Listener()


def _kit_folder(process: psutil.Process) -> Path | None:
    """The folder above the .kit that a service has its data in: the kit's services have that path in their command."""
    for path in map(Path, process.cmdline()):
        if not path.is_absolute():
            continue
        # Root's data is elsewhere. A file beside it says whose it is.
        with contextlib.suppress(OSError, ValueError):
            path = Path((path.parent / "owner").read_text(encoding="utf-8").strip())
        if ".kit" in path.parts:
            return Path(*path.parts[: path.parts.index(".kit")])
    return None


def require_free_port(port: int, host: str, service: str, key: str) -> None:
    """Make sure that a port is free.

    Raises:
        KitError: it is in use; the message names the process, if the system shows it.
    """
    try:
        if is_free(port, host):
            return
    except PermissionError:
        raise KitError(f"{service} may not listen on port {port}. Choose a port above 1023 in {key}.") from None
    raise KitError(
        f"{service} cannot start: port {port} is in use{find_listener(port)}. Stop that program, or choose another "
        f"port in {key}. If it is the {service} that you want to use, run with SERVICES=external."
    )
