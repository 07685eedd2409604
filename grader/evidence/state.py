"""The producer's state file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from configs.contract import StateValue, parse_state, state_file
from grader.evidence.listing import read_bytes

_MOST_BYTES = 65_536


@dataclass(frozen=True)
class State:
    """The file at `location`, or in the folder of that name."""

    location: Path | None

    @cached_property
    def path(self) -> Path | None:
        try:
            return None if self.location is None else state_file(self.location)
        except OSError:
            return self.location

    @property
    def exists(self) -> bool:
        return self.path is not None and self.path.is_file()

    @cached_property
    def text(self) -> str | None:
        """The file's text, stripped; None when there is no file or it cannot be read."""
        try:
            if self.path is None or not self.path.is_file():
                return None
            return read_bytes(self.path.parent, self.path.name, _MOST_BYTES).decode("utf-8", errors="replace").strip()
        except OSError:
            return None

    @cached_property
    def _parsed(self) -> tuple[StateValue | None, str | None]:
        if self.text is None:
            return None, "there is no state file" if not self.exists else "the state file cannot be read"
        try:
            return read_value(self.text), None
        except ValueError as error:
            return None, str(error)

    @property
    def value(self) -> StateValue | None:
        return self._parsed[0]

    @property
    def problem(self) -> str | None:
        """Why there is no value."""
        return self._parsed[1]


def read_value(text: str) -> StateValue:
    """`parse_state`, with whatever a damaged text does to it turned into a ValueError.

    Raises:
        ValueError: the text holds no timestamp.
    """
    try:
        return parse_state(text)
    except (ValueError, OverflowError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(str(error) or f"no timestamp in {text[:60]!r}") from None
