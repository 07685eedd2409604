"""docs/benchmarks.md, written from docs/measured/bench/. That folder has one file for each section of the page."""

from __future__ import annotations

import os
import platform
import textwrap
from collections.abc import Sequence
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, TypeAdapter
from tabulate import tabulate

from configs.settings import PROJECT
from scripts.generated.document import Document, head
from scripts.generated.measured import MEASURED, read_measured, write_measured

FOLDER = MEASURED / "bench"
SECTIONS = (
    "first_run",
    "grader",
    "backlog",
    "lake_backlog",
    "store_size",
    "growth",
    "s3_lake",
    "latency",
    "class_run",
)  # in the order of the page
_WIDTH = 120
_INTRODUCTION = """\
Each section names the command that measured it and the machine. Absolute times differ from machine to machine. What one
run compares holds elsewhere too. `make bench` measures all of them.
"""


class Section(BaseModel):
    """One measurement: its command and machine, a table, and notes, one string for each paragraph.

    Cells are the text that the page shows, with their units.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    command: str
    machine: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def table(self) -> str:
        """The table for a terminal."""
        return tabulate(self.rows, headers=self.headers, disable_numparse=True)

    def markdown(self) -> str:
        """The section for the page."""
        table = tabulate(self.rows, headers=self.headers, tablefmt="github", disable_numparse=True)
        notes = [textwrap.fill(note, _WIDTH, break_long_words=False, break_on_hyphens=False) for note in self.notes]
        return "\n\n".join([f"## {self.title}", f"`{self.command}`, on {self.machine}.", table, *notes]) + "\n"


_SECTION = TypeAdapter(Section)


def section(
    title: str, command: str, headers: Sequence[str], rows: Sequence[Sequence[object]], notes: Sequence[str] = ()
) -> Section:
    """A measurement of this moment on this machine. Line breaks within a note are ignored."""
    return Section(
        title=title,
        command=command,
        machine=machine(),
        headers=tuple(headers),
        rows=tuple(tuple(str(cell) for cell in row) for row in rows),
        notes=tuple(" ".join(note.split()) for note in notes),
    )


def machine() -> str:
    """Cores, memory, system and Python, such as "2 cores, 23 GiB, Linux x86_64, Python 3.11.7"."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{cores} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )


def benchmarks_markdown(sections: Sequence[Section]) -> str:
    """docs/benchmarks.md."""
    return head("Benchmarks", "docs/measured/bench/") + "\n".join(
        [_INTRODUCTION, *(item.markdown() for item in sections)]
    )


def read_sections(folder: Path = FOLDER) -> list[Section]:
    """The last measurements, in the order of the page; sections without a measurement are left out.

    Raises:
        KitError: a file does not hold a section.
    """
    found = [read_section(name, folder) for name in SECTIONS]
    return [item for item in found if item is not None]


def read_section(name: str, folder: Path = FOLDER) -> Section | None:
    """The last measurement of this name; None if there is none.

    Raises:
        KitError: the file does not hold a section.
    """
    return read_measured(folder / f"{name}.json", _SECTION)


def record(name: str, measured: Section) -> None:
    """Record a measurement in docs/measured/bench/<name>.json, and write the page."""
    write_measured(FOLDER / f"{name}.json", _SECTION, measured)
    BENCHMARKS.write()


BENCHMARKS = Document(PROJECT / "docs" / "benchmarks.md", lambda: benchmarks_markdown(read_sections()))
