"""The jars that only some configs need: those of a lake at s3a://. Setup runs this as a program, for its CONFIG."""

from __future__ import annotations

import shlex
import sys

from configs.errors import KitError, run_command
from configs.settings import PROJECT, Settings, load_settings
from configs.wording import counted
from scripts.services.class_archive import spark_package
from scripts.services.command_output import CommandOutput
from scripts.services.jars import S3A, S3PROXY, cache_folder, ensure_jars, missing_jars, pinned
from scripts.services.java import require_java
from scripts.services.stack import has_own_s3

LOG = PROJECT / ".kit" / "logs" / "optional_jars.log"


def optional_groups(settings: Settings) -> tuple[str, ...]:
    """The groups of jars that this config needs in addition to the default ones."""
    if not settings.on_s3:
        return ()
    return (S3PROXY, S3A) if has_own_s3(settings) else (S3A,)


def require_optional_jars(settings: Settings) -> None:
    """Make sure that they are in the cache.

    Raises:
        KitError: one is not.
    """
    missing = missing_jars(optional_groups(settings))
    if missing:
        raise KitError(
            f"A lake at s3a:// needs {counted(len(missing), 'more jar')}. Run "
            f"`make setup CONFIG={shlex.quote(str(settings.source))}`: it downloads and checks them."
        )


def ensure_optional_jars(settings: Settings) -> None:
    """Check them, and download those that are missing; print what they are, if there are any.

    Raises:
        KitError: a jar differs from its pin, or Ivy could not fetch one.
    """
    groups = optional_groups(settings)
    if not groups:
        return
    print(f"      {counted(len(pinned(groups)), 'jar')} for a lake at s3a://, in {cache_folder()}", flush=True)
    output = CommandOutput(LOG)
    ivy = next((spark_package() / "jars").glob("ivy-*.jar"))
    try:
        ensure_jars(require_java().executable, ivy, output.note, groups)
    finally:
        output.done()


def download_missing_jars(settings: Settings) -> None:
    """Download those that are not there, and check none of the others, which takes a second.

    Raises:
        KitError: as `ensure_optional_jars`.
    """
    if missing_jars(optional_groups(settings)):
        ensure_optional_jars(settings)


def main() -> int:
    ensure_optional_jars(load_settings())
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, prefix=""))
