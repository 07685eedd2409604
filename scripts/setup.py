"""`make setup`: a venv, the pinned packages, Java 17, the jars. Standard library only; safe to interrupt and repeat."""

from __future__ import annotations

import ensurepip
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from configs.errors import KitError, run_command  # noqa: E402
from configs.wording import counted  # noqa: E402
from scripts.services import class_archive  # noqa: E402
from scripts.services import java as java_finder  # noqa: E402
from scripts.services.command_output import CommandOutput  # noqa: E402
from scripts.services.jars import cache_folder, ensure_jars, pinned  # noqa: E402

VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = PROJECT / "requirements.txt"
# Written last. scripts/kit compares it with requirements.txt, and so finds a setup that was killed.
INSTALLED = VENV / "requirements.installed"
# What a demo imports.
IMPORTED = ("scripts.__main__", "grader.__main__", "producers.orders_cdc_producer", "consumers.orders_stream_consumer")
LOG = PROJECT / ".kit" / "logs" / "setup.log"


def step(number: int, text: str) -> None:
    print(f"[{number}/4] {text}", flush=True)


def make_venv(output: CommandOutput) -> None:
    wanted = "{}.{}".format(*sys.version_info)
    if _venv_version() == wanted:
        return
    if VENV.exists():
        print("      .venv is incomplete or of another Python version: recreating it", flush=True)
        INSTALLED.unlink(missing_ok=True)
        shutil.rmtree(VENV)
    # pip comes with the packages: to install it first, with all its modules compiled, takes longer than all the rest.
    without = ["--without-pip"] if bundled_pip() else []
    output.run([sys.executable, "-m", "venv", *without, str(VENV)], "Creating the venv failed")


def bundled_pip() -> Path | None:
    """The wheel of pip that comes with Python, or with the system's package for venvs; None if it is not found."""
    system = sysconfig.get_config_var("WHEEL_PKG_DIR")
    folders = [Path(ensurepip.__file__).parent / "_bundled", *([Path(system)] if system else [])]
    return next((wheel for folder in folders for wheel in sorted(folder.glob("pip-*.whl"))), None)


def _venv_version() -> str | None:
    """The Python version of a venv whose pip works, such as "3.11"; None for any other."""
    command = [str(PYTHON), "-c", "import sys, pip; print('{}.{}'.format(*sys.version_info))"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def install(output: CommandOutput, *what: str) -> None:
    """Install packages, and pip itself if the venv lacks it. Nothing is compiled: most modules are never imported."""
    wheel = bundled_pip() if _venv_version() is None else None
    pip, first = (["-m", "pip"], []) if wheel is None else ([str(wheel / "pip")], [str(wheel)])
    options = ["--disable-pip-version-check", "--no-compile"]
    output.run([str(PYTHON), *pip, "install", *options, *first, *what], "Installing packages failed")


def compile_imported() -> None:
    """Compile what the kit imports, by importing it. Where Python writes no bytecode, each start would compile it."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    command = [str(PYTHON), "-c", f"import {', '.join(IMPORTED)}"]
    subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, check=False)


def config_may_be_on_s3() -> bool:
    """Whether the config, or the environment, mentions s3a://. Only then is it read whole, which takes a while."""
    config = Path(os.environ.get("CONFIG") or PROJECT / "configs" / "orders_stream.yml").expanduser()
    try:
        text = config.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    variables = [value for name, value in os.environ.items() if name.startswith("ORDERS_")]
    return any("s3a://" in value for value in (text, *variables))


def set_up() -> int:
    started = time.monotonic()
    step(1, f"Python {sys.version.split()[0]} in .venv")
    output = CommandOutput(LOG)
    make_venv(output)
    step(2, f"packages of requirements.txt (log: {LOG.relative_to(PROJECT)})")
    if not INSTALLED.is_file() or INSTALLED.read_bytes() != REQUIREMENTS.read_bytes():
        install(output, "-r", str(REQUIREMENTS))
        compile_imported()
    java = java_finder.find_java(PYTHON)
    if java is None:
        step(3, f"Java 17: none on this machine, so install the packaged one ({java_finder.PACKAGED})")
        install(output, java_finder.PACKAGED)
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
    try:
        ensure_jars(java.executable, ivy, output.note)
    finally:
        output.done()
    if class_archive.are_missing(java, ivy.parent.parent):
        class_archive.start_making(PYTHON)
        print("      in the background, once for each user: archives of Java classes, for quicker starts", flush=True)
    shutil.copyfile(REQUIREMENTS, INSTALLED)
    if config_may_be_on_s3():
        done = subprocess.run([str(PYTHON), "-m", "scripts.services.optional_jars"], cwd=PROJECT, check=False)
        if done.returncode:
            return done.returncode
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
