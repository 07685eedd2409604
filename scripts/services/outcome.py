"""The result of a command that may be repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """A line for the user, and whether anything was changed."""

    line: str
    changed: bool


@dataclass(frozen=True)
class Start:
    """A service that was launched, or was up before: `wait` returns when it answers, and stops it if it does not.

    So several services can start side by side.
    """

    wait: Callable[[], Outcome]
    is_new: bool
