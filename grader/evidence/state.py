"""The producer's state file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from configs.contract import StateValue, parse_state, state_file, state_files
from grader.evidence.listing import read_bytes

_MAX_BYTES = 65_536
_MAX_FILES = 1000  # of a folder that are read


@dataclass(frozen=True)
class State:
    """The file at `location`. In a folder: the first file with a timestamp, or else the first one with any text.

    A folder often contains more than the state: a note, or the empty part files of a Spark job that wrote it.
    """

    location: Path | None

    @cached_property
    def path(self) -> Path | None:
        if self.location is None:
            return None
        try:
            files = state_files(self.location)
            if len(files) == 1:
                return files[0]
            texts = {path: _read(path) for path in files[:_MAX_FILES]}
            whole = (path for path, text in texts.items() if text and _holds_value(text))
            return next(whole, None) or next((path for path in texts if texts[path]), None) or state_file(self.location)
        except OSError:
            return self.location

    @property
    def exists(self) -> bool:
        return self.path is not None and self.path.is_file()

    @cached_property
    def text(self) -> str | None:
        """The file's text, stripped; None if there is no file or it cannot be read."""
        return None if self.path is None else _read(self.path)

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


def _read(path: Path) -> str | None:
    try:
        if not path.is_file():
            return None
        return read_bytes(path.parent, path.name, _MAX_BYTES).decode("utf-8", errors="replace").strip()
    except OSError:
        return None


def _holds_value(text: str) -> bool:
    try:
        read_value(text)
    except ValueError:
        return False
    return True


def read_value(text: str) -> StateValue:
    """`parse_state`, but with a ValueError for every kind of damaged text.

    Raises:
        ValueError: the text has no timestamp.
    """
    try:
        return parse_state(text)
    except (ValueError, OverflowError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(str(error) or f"no timestamp in {text[:60]!r}") from None
