"""The packages of requirements-docs.txt, in a venv of their own: .venv-docs, made on first use.

Students do not need them, so `make setup` does not install them.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from configs.errors import KitError
from configs.settings import PROJECT
from scripts.services.command_output import CommandOutput

VENV = PROJECT / ".venv-docs"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = PROJECT / "requirements-docs.txt"
# Written last, so a venv that was left half made is made again. It names the Python too.
INSTALLED = VENV / "requirements.installed"
LOG = PROJECT / ".kit" / "logs" / "docs_venv.log"


def ensure_docs_venv() -> Path:
    """The Python of .venv-docs, which is made if it is missing, incomplete or of other requirements.

    Raises:
        KitError: the venv or a package cannot be installed.
    """
    needed = f"{REQUIREMENTS.read_text(encoding='utf-8')}# Python {sys.version.split()[0]}\n"
    if _is_made(needed):
        return PYTHON
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two verbs at a time would remove each other's venv
        if not _is_made(needed):
            _make(needed)
    return PYTHON


def _is_made(needed: str) -> bool:
    return PYTHON.exists() and INSTALLED.is_file() and INSTALLED.read_text(encoding="utf-8") == needed


def _make(needed: str) -> None:
    print(f"Once: the packages of {REQUIREMENTS.name}, in {VENV.name} (about 250 MB)", flush=True)
    output = CommandOutput(LOG, remedy="Run the same command again.")
    shutil.rmtree(VENV, ignore_errors=True)
    output.run([sys.executable, "-m", "venv", str(VENV)], "Creating .venv-docs failed")
    install = ["-m", "pip", "install", "--disable-pip-version-check", "-r", str(REQUIREMENTS)]
    output.run([str(PYTHON), *install], "Installing the packages of requirements-docs.txt failed")
    INSTALLED.write_text(needed, encoding="utf-8")


def run_in_docs_venv(words: Sequence[str], failure: str, folder: Path = PROJECT) -> str:
    """Run Python of .venv-docs with these words in a folder. Returns what it printed.

    Raises:
        KitError: it failed. The message begins with `failure` and quotes what it said.
    """
    command = [str(ensure_docs_venv()), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise KitError(f"{failure}. It said:\n{(done.stdout + done.stderr).strip()}")
    return done.stdout
