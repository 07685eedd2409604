"""ARGS of the make command line."""

from __future__ import annotations

import os
import shlex

from configs.errors import KitError


def arguments() -> list[str]:
    """The words of ARGS, quoted as in a shell; none if it is not set.

    Raises:
        KitError: a quote in it is not closed.
    """
    text = os.environ.get("ARGS", "")
    try:
        return shlex.split(text)
    except ValueError as error:
        raise KitError(f"ARGS is {text!r}: {error}. Put it in double quotes, and its parts in single ones.") from None
