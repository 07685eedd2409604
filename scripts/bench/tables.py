"""Where measurements go: a table on the terminal, and a section of docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass

import psutil
from tabulate import tabulate

from configs.settings import PROJECT

DOCUMENT = PROJECT / "docs" / "benchmarks.md"
_HEAD = """# Benchmarks

Each section is written by the command that it names, on the machine that it names. Absolute times differ from machine
to machine; what one run compares holds. `make bench` runs all of them.
"""


@dataclass(frozen=True)
class Table:
    """Headers and rows, as tabulate takes them."""

    headers: Sequence[str]
    rows: Sequence[Sequence[object]]

    def text(self) -> str:
        return tabulate(self.rows, headers=self.headers, disable_numparse=True)

    def markdown(self) -> str:
        return tabulate(self.rows, headers=self.headers, tablefmt="github", disable_numparse=True)


def machine() -> str:
    """Cores, memory, system and Python, such as "2 cores, 23 GiB, Linux x86_64, Python 3.11.7"."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{cores} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )


def write_section(name: str, title: str, how: str, table: Table, notes: str = "") -> None:
    """Put a section in place of the one of that name, or at the end. `how` is the command and the machine."""
    text = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.is_file() else ""
    text = text or _HEAD
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    section = (
        f"{begin}\n## {title}\n\n`{how.partition(', on ')[0]}`, on {how.partition(', on ')[2]}.\n\n{table.markdown()}\n"
    )
    section += f"\n{notes.strip()}\n{end}\n" if notes else f"{end}\n"
    old = re.compile(re.escape(begin) + r".*?" + re.escape(end) + r"\n", re.DOTALL)
    text = old.sub(lambda _: section, text) if old.search(text) else f"{text.rstrip()}\n\n{section}"
    DOCUMENT.write_text(text, encoding="utf-8")
