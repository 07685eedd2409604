"""`make lint`: check which package imports which, by the contracts in pyproject.toml (tool.importlinter)."""

from __future__ import annotations

import os
import sys

from configs.errors import KitError, run_command
from configs.settings import PROJECT


def check_layers() -> int:
    """Exit code 0: every contract is kept.

    Raises:
        KitError: import-linter is not installed, as with Python 3.10.
    """
    try:
        from importlinter.cli import lint_imports
    except ImportError:
        raise KitError("The check of imports needs Python 3.11 or later: `make lint PYTHON=python3.11`.") from None
    os.chdir(PROJECT)
    return int(lint_imports(no_logo=True, no_cache=True))


if __name__ == "__main__":
    sys.exit(run_command(check_layers))
