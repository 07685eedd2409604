"""The state file: the created_at up to which every row has been published."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from configs.contract import format_timestamp, parse_state
from configs.program import ProgramError


def read_state(path: Path) -> datetime | None:
    """The timestamp in the state file, None if there is no file.

    Raises:
        ProgramError: the file exists and holds no timestamp. Starting over would publish the whole table again, and a
            guess could lose rows. So a person must decide.
    """
    # BEGIN SOLUTION: task 1
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ProgramError(f"The state file {path} cannot be read ({error}). {_REMEDY}") from None
    try:
        return parse_state(text).timestamp
    except ValueError as error:
        raise ProgramError(f"The state file {path} holds no timestamp: {error}. {_REMEDY}") from None
    # END SOLUTION


_REMEDY = (
    "Write the created_at of the last published row into it, such as 2025-11-18T12:24:00.123456Z. An earlier one only "
    "repeats rows, which the consumer drops. Or delete the file to publish the whole table again."
)


def write_state(path: Path, reached: datetime) -> None:
    """Replace the state file in one step: after a crash it holds the old timestamp or the new one, never a part."""
    # BEGIN SOLUTION: task 2
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(format_timestamp(reached) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    # END SOLUTION
