"""What a sandbox sees of this machine: the system, Python, Java and the jars, all of them read-only, and nothing else.

A sandbox begins with an empty root. So a home folder, another submission or the grader is not hidden in it: it is not
there. Folders above what is shown are recreated, empty and open to everyone: what lies in /root can be shown too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from configs.settings import PROJECT
from scripts.services import class_archive, spark_environment
from scripts.services.jars import cache_folder
from scripts.services.java import require_java
from scripts.services.stack import SUBMIT

_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")  # links into /usr, or folders of their own
# Of /etc: what programs need in order to start. Passwords, keys and other machines' addresses are not among it.
_ETC = (
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "java",
    "java-17-openjdk",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "pki/ca-trust",
    "pki/java",
    "pki/tls/certs",
    "protocols",
    "services",
    "ssl/certs",
)
USER = "student"
UID = 1000  # of every process in a sandbox, as it sees itself
MACHINE = "sandbox"
HOST_NAMES = ("localhost", MACHINE, "postgres", "kafka", "db", "broker")  # of services in students' compose files


@dataclass(frozen=True)
class Mount:
    """A place in a sandbox: a folder or file of this machine, a link, or an empty folder of limited size in memory."""

    kind: Literal["read-only", "writable", "link", "memory", "folder"]
    target: Path
    source: Path | None = None  # of a link: where it leads
    size: int = 0  # bytes, of a folder in memory

    @property
    def words(self) -> list[str]:
        """The arguments of bwrap."""
        target, source = str(self.target), str(self.source)
        if self.kind == "memory":
            return [*(["--size", str(self.size)] if self.size else []), "--tmpfs", target]
        if self.kind == "folder":
            return ["--dir", target]
        option = {"read-only": "--ro-bind", "writable": "--bind", "link": "--symlink"}[self.kind]
        return [option, source, target]

    @property
    def in_place(self) -> Mount:
        """The same for a sandbox within this one, which has the source where this one shows it."""
        return self if self.kind == "link" or self.source is None else replace(self, source=self.target)


def read_only(path: Path, target: Path | None = None) -> Mount:
    return Mount("read-only", target or path, path)


def writable(path: Path, target: Path | None = None) -> Mount:
    return Mount("writable", target or path, path)


@cache
def system() -> tuple[Mount, ...]:
    """The system's programs and libraries, and what the kit's Python and Java consist of.

    Raises:
        KitError: there is no Java 17.
    """
    mounts = [read_only(Path("/usr"))]
    for path in (Path("/", name) for name in _MERGED):
        if path.is_symlink():
            mounts.append(Mount("link", path, path.readlink()))
        elif path.is_dir():
            mounts.append(read_only(path))
    mounts += [read_only(path) for path in (Path("/etc", name) for name in _ETC) if path.exists()]
    homes = [*_python_homes(), require_java().home, cache_folder(), *class_archive.shared_folders()]
    outside = (path for path in homes if path.is_dir() and not path.is_relative_to("/usr"))
    return (*mounts, *_without_nested(outside))


def _python_homes() -> Iterator[Path]:
    """The venv, the Python that it was made with, and each place on the way from one to the other."""
    yield from (Path(sys.prefix), Path(sys.base_prefix))
    program = Path(sys.executable)
    for _ in range(20):
        yield program.parent.parent
        if not program.is_symlink():
            break
        program = program.parent / program.readlink()


def _without_nested(paths: Iterable[Path]) -> Iterator[Mount]:
    """Each path under its own name, once; and where its name goes through a link, the link's target as well."""
    named = {Path(*path.parts) for path in paths}
    every = sorted(named | {path.resolve() for path in named})
    for path in every:
        if not any(path != other and path.is_relative_to(other) for other in every):
            yield read_only(path.resolve(), path)


def program_files() -> list[Mount]:
    """What of the kit itself a student's program needs: the script that starts it, and its logging."""
    return [*_venv_link(), *(read_only(path) for path in (SUBMIT, spark_environment.LOGGING))]


def _venv_link() -> list[Mount]:
    """The clone's .venv where it is a link. Where Python runs by that name, `system` shows it."""
    venv = PROJECT / ".venv"
    return [Mount("link", venv, venv.resolve())] if venv.is_symlink() and venv != Path(sys.prefix) else []


def kit() -> list[Mount]:
    """The kit's own packages, for the process that runs the services and the rounds."""
    return [*_venv_link(), *(read_only(PROJECT / name) for name in ("configs", "db", "grader", "scripts"))]


def etc(folder: Path, host_names: Iterable[str] = HOST_NAMES) -> list[Mount]:
    """Users, host names and where to look for both, written to `folder`: every name is this machine itself."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "passwd": f"root:x:0:0:root:/:/bin/false\n{USER}:x:{UID}:{UID}:{USER}:/home/{USER}:/bin/sh\n",
        "group": f"root:x:0:\n{USER}:x:{UID}:\n",
        "hosts": f"127.0.0.1 {' '.join(dict.fromkeys(host_names))}\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [read_only(folder / name, Path("/etc", name)) for name in files]
