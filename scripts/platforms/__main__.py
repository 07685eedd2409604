"""`make gradescope` and `make github-classroom`: python -m scripts.platforms NAME, with OUT in the environment."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from configs.errors import KitError, run_command
from configs.settings import PROJECT
from configs.wording import counted
from scripts.platforms.github_classroom import write_workflow
from scripts.platforms.gradescope import write_autograder


def _gradescope() -> int:
    path = Path(os.environ.get("OUT") or PROJECT / "autograder.zip").expanduser().absolute()
    if path.suffix != ".zip":
        raise KitError(f"OUT is {str(path)!r}: name a file, such as OUT=autograder.zip.")
    count = write_autograder(path)
    print(f"Wrote {path}: {counted(count, 'file')}. Upload it as the autograder; docs/platforms.md has the settings.")
    return 0


def _github_classroom() -> int:
    out = os.environ.get("OUT")
    if not out:
        raise KitError("OUT is missing: name the folder of the students' repository, such as OUT=path/to/starter.")
    for path in write_workflow(Path(out).expanduser().absolute()):
        print(f"Wrote {path}")
    print("Commit both with the starter kit. docs/platforms.md has the settings.")
    return 0


COMMANDS = {"gradescope": _gradescope, "github-classroom": _github_classroom}


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.platforms", description="What the Makefile calls.")
    parser.add_argument("platform", choices=COMMANDS)
    return run_command(COMMANDS[parser.parse_args(words).platform])


if __name__ == "__main__":
    sys.exit(main())
