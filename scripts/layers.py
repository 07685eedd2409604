"""`make lint`: check which package imports which, by the contracts in pyproject.toml (tool.importlinter)."""

from __future__ import annotations

import os
import sys

from importlinter.cli import lint_imports

from configs.settings import PROJECT

if __name__ == "__main__":
    os.chdir(PROJECT)
    sys.exit(lint_imports(no_logo=True, no_cache=True))
