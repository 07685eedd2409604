"""`make setup`: a venv, the pinned packages, Java 17, the jars. Standard library only; safe to interrupt and repeat."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from configs.errors import KitError, run_command  # noqa: E402
from configs.wording import counted  # noqa: E402
from scripts.services import class_archive  # noqa: E402
from scripts.services import java as java_finder  # noqa: E402
from scripts.services.jars import cache_folder, ensure_jars, pinned  # noqa: E402

VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = PROJECT / "requirements.txt"
# Written last. scripts/kit compares it with requirements.txt, and so finds a setup that was killed.
INSTALLED = VENV / "requirements.installed"
SHOWN = ("Downloading", "Building", "Installing collected")


def print_detail(text: str) -> None:
    print(f"      {text}", flush=True)


def step(number: int, text: str) -> None:
    print(f"[{number}/4] {text}", flush=True)


def make_venv() -> None:
    wanted = "{}.{}".format(*sys.version_info)
    if _venv_version() == wanted:
        return
    if VENV.exists():
        print_detail(".venv is incomplete or of another Python version: recreating it")
        INSTALLED.unlink(missing_ok=True)
        shutil.rmtree(VENV)
    _run([sys.executable, "-m", "venv", str(VENV)], "Creating the venv failed")


def _venv_version() -> str | None:
    """The Python version of a venv whose pip works, such as "3.11"; None for any other."""
    command = [str(PYTHON), "-c", "import sys, pip; print('{}.{}'.format(*sys.version_info))"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def install(*what: str) -> None:
    _run(
        [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", *what], "Installing packages failed", SHOWN
    )


def _run(command: list[str], failure: str, shown: tuple[str, ...] = ()) -> None:
    tail: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            tail = [*tail[-15:], line.rstrip()]
            if shown and line.lstrip().startswith(shown):
                print_detail(_shortened(line.strip()))
    if process.returncode:
        raise KitError(
            f"{failure}. The end of the command's output:\n  " + "\n  ".join(tail) + "\nRun `make setup` again."
        )


def _shortened(line: str) -> str:
    """A line of pip without the platform tags of a wheel, and without the list of packages."""
    return re.sub(r"(-[\d.]+(?:\.post\d+)?)-\S+?\.whl", r"\1", line).partition(": ")[0]


def set_up() -> int:
    started = time.monotonic()
    step(1, f"Python {sys.version.split()[0]} in .venv")
    make_venv()
    step(2, "packages of requirements.txt")
    if not INSTALLED.is_file() or INSTALLED.read_bytes() != REQUIREMENTS.read_bytes():
        install("-r", str(REQUIREMENTS))
    java = java_finder.find_java(PYTHON)
    if java is None:
        step(3, f"Java 17: none on this machine, so install the packaged one ({java_finder.PACKAGED})")
        install(java_finder.PACKAGED)
        java = java_finder.find_java(PYTHON)
    if java is None:
        raise KitError(
            f"No Java 17 here, and {java_finder.PACKAGED} does not run. Install a Java 17, then run `make setup`."
        )
    step(3, f"Java {java.version} ({java.origin})")
    step(4, f"{counted(len(pinned()), 'jar')}, checked by sha256, in {cache_folder()}")
    ivy = next(VENV.glob("lib/python3.*/site-packages/pyspark/jars/ivy-*.jar"), None)
    if ivy is None:
        raise KitError("pyspark in .venv has no Ivy. Delete the folder .venv, then run `make setup` again.")
    ensure_jars(java.executable, ivy, print_detail)
    if class_archive.are_missing(java, ivy.parent.parent):
        class_archive.start_making(PYTHON)
        print_detail("In the background, once for each user: archives of Java classes. With them programs start faster")
    shutil.copyfile(REQUIREMENTS, INSTALLED)
    print(f"Setup finished in {time.monotonic() - started:.0f} s.")
    return 0


def main() -> int:
    def command() -> int:
        try:
            return set_up()
        except OSError as error:
            raise KitError(f"Setup stopped: {error}. Fix that, then run `make setup` again.") from error

    return run_command(command, interrupted="Interrupted. Run `make setup` to continue from here.")


if __name__ == "__main__":
    sys.exit(main())
