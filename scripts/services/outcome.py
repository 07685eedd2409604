"""The result of a command that may be repeated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """A line for the user, and whether anything was changed."""

    line: str
    changed: bool
