"""What a command that may be repeated has done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """A line for the user, and whether anything was changed or all was as wanted already."""

    line: str
    changed: bool
