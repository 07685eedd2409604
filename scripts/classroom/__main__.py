"""`make grade-class`: the variables of the Makefile, as `python -m grader class` takes them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from configs.errors import KitError, run_command
from grader.__main__ import main as grader

# Variables that are options. SUBMISSIONS is none: it is the folder itself.
_OPTIONS = ("OUT", "WORKERS", "ROSTER", "ONLY", "ASSIGNMENT")


def class_arguments(variables: Mapping[str, str]) -> list[str]:
    """The arguments of `python -m grader` for the variables of `make grade-class`.

    Raises:
        KitError: SUBMISSIONS is missing, or LIVE or LOAD is given.
    """
    given = {name: value.strip() for name, value in variables.items() if value.strip()}
    if "SUBMISSIONS" not in given:
        raise KitError("make grade-class needs the folder with the submissions: make grade-class SUBMISSIONS=folder")
    if "LIVE" in given or "LOAD" in given:
        raise KitError("LIVE and LOAD: this version grades a class by its evidence only. Leave the two out")
    options = [f"--{name.lower()}={given[name]}" for name in _OPTIONS if name in given]
    return ["class", *options, "--", given["SUBMISSIONS"]]


def main() -> int:
    return grader(class_arguments(os.environ))


if __name__ == "__main__":
    sys.exit(run_command(main))
