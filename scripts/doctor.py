"""`make doctor`: what the machine has, what it lacks, and what to do about each."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
from dataclasses import dataclass

import psutil
from packaging.requirements import Requirement
from tabulate import tabulate

from configs.errors import KitError
from configs.settings import PROJECT
from scripts.pipeline.services import services_of
from scripts.services import java, postgres, spark_cluster
from scripts.services.jars import DEFAULT, cache_folder, jar_paths
from scripts.services.optional_jars import optional_groups, require_optional_jars
from scripts.services.ports import require_free_port
from scripts.services.processes import is_root
from scripts.services.stack import Stack

MEMORY_NEEDED = 3 * 2**30  # bytes, of services and both programs together
CLUSTER_MEMORY = 2 * 2**30  # in addition, of Spark's master and workers and of an executor for each program
DISK_NEEDED = 1 * 2**30  # bytes, for the data of a course, in addition to what setup installed


@dataclass(frozen=True)
class Diagnosis:
    """One line of the report. `remedy` is empty if nothing is lacking."""

    what: str
    found: str
    remedy: str = ""


def examine(stack: Stack) -> list[Diagnosis]:
    """Check everything that a run needs."""
    return [
        Diagnosis("Python", sys.version.split()[0]),
        *_packages(),
        _java(),
        _jars(stack),
        *_ports(stack),
        _memory(stack),
        _disk(),
        _writable(stack),
        *_abandoned(),
    ]


def report(diagnoses: list[Diagnosis]) -> str:
    rows = [["lacking" if item.remedy else "ok", item.what, item.found, item.remedy] for item in diagnoses]
    return tabulate(
        rows, headers=["", "what", "found", "remedy"], maxcolwidths=[None, None, 60, 60], disable_numparse=True
    )


def _packages() -> list[Diagnosis]:
    diagnoses = []
    for line in (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        wanted = Requirement(line)
        if wanted.marker and not wanted.marker.evaluate():
            continue
        try:
            found = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            found = "not installed"
        if found not in wanted.specifier:
            remedy = f"requirements.txt pins {wanted.specifier}: delete .venv and run `make setup`"
            diagnoses.append(Diagnosis(wanted.name, found, remedy))
    return diagnoses or [Diagnosis("packages", f"as pinned; pyspark {importlib.metadata.version('pyspark')}")]


def _java() -> Diagnosis:
    found = java.find_java()
    if found is None:
        return Diagnosis("Java 17", "none", "run `make setup`: it installs one into .venv")
    return Diagnosis("Java 17", f"{found.version} ({found.origin}: {found.home})")


def _jars(stack: Stack) -> Diagnosis:
    try:
        require_optional_jars(stack.settings)
        count = sum(len(jar_paths(group)) for group in (*DEFAULT, *optional_groups(stack.settings)))
    except KitError as error:
        return Diagnosis("jars", "incomplete", str(error))
    return Diagnosis("jars", f"{count} in {cache_folder()}")


def _ports(stack: Stack) -> list[Diagnosis]:
    ports = services_of(stack).ports()
    if not ports:
        return [Diagnosis("ports", f"not needed: SERVICES={stack.services}")]
    diagnoses = []
    for port in ports:
        what = f"port {port.number}"
        if stack.pid_file(port.name).process() is not None:
            diagnoses.append(Diagnosis(what, f"{port.service} of this kit is up and uses it"))
            continue
        try:
            require_free_port(port.number, "127.0.0.1", port.service, f"{port.key} of {stack.settings.source.name}")
        except KitError as error:
            diagnoses.append(Diagnosis(what, "in use", str(error)))
        else:
            diagnoses.append(Diagnosis(what, f"free for {port.service}"))
    return diagnoses


def _memory(stack: Stack) -> Diagnosis:
    available = psutil.virtual_memory().available
    needed = MEMORY_NEEDED + (CLUSTER_MEMORY if spark_cluster.nodes(stack) else 0)
    found = f"{available / 2**30:.1f} GiB available"
    lacking = (
        f"services and both programs need up to {needed / 2**30:.0f} GiB: close other programs, or lower "
        "spark.driver_memory"
    )
    return Diagnosis("memory", found, "" if available >= needed else lacking)


def _disk() -> Diagnosis:
    free = shutil.disk_usage(PROJECT).free
    found = f"{free / 2**30:.1f} GiB free at {PROJECT}"
    return Diagnosis(
        "disk", found, "" if free >= DISK_NEEDED else "delete files: Kafka and Postgres stop on a full disk"
    )


def _writable(stack: Stack) -> Diagnosis:
    try:
        stack.home.mkdir(parents=True, exist_ok=True)
        probe = stack.home / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return Diagnosis(
            "project folder", f"cannot be written: {error}", "clone the project into a folder that you may write to"
        )
    return Diagnosis("project folder", str(stack.settings.root))


def _abandoned() -> list[Diagnosis]:
    if not is_root():
        return []
    return [
        Diagnosis("old data", str(folder), f"its clone is gone. If you do not need it: rm -r {folder}")
        for folder in postgres.abandoned()
    ]
