"""docs/measured/: the results of measurements. Only a measurement writes there; pages only read it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from configs.errors import KitError
from configs.settings import PROJECT

MEASURED = PROJECT / "docs" / "measured"
T = TypeVar("T")


def read_measured(path: Path, adapter: TypeAdapter[T]) -> T | None:
    """The content of a file of docs/measured/; None if nothing was measured yet.

    Raises:
        KitError: the file does not hold what a measurement writes.
    """
    try:
        return adapter.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise KitError(
            f"{path} does not hold a measurement: {error.errors()[0]['msg']}. Restore it with git, or measure again."
        ) from error


def write_measured(path: Path, adapter: TypeAdapter[T], value: T) -> None:
    """Replace the earlier measurement."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(adapter.dump_json(value, indent=1) + b"\n")
