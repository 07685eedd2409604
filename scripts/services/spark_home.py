"""Spark's home folder: in the user's cache, at the same path for all clones, as an archive of classes needs it.

Standard library only: setup runs this with the machine's Python.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from scripts.services.jars import cache_folder


def spark_home(package: Path) -> Path:
    """The home in the cache that belongs to this pyspark; the package itself where there is none, or not all of it."""
    shared = shared_home(package)
    return shared if (shared / "jars").is_dir() and _version(shared / "jars") == shared.name else package


def shared_home(package: Path) -> Path:
    """Where the home of this pyspark is in the cache, or would be. Its name changes with Spark's jars."""
    return cache_folder().parent / "spark" / _version(package / "jars")


def make_shared_home(package: Path) -> None:
    """Put Spark's jars and scripts into the cache, if they are not there; as hard links where the file system allows.

    The package's pyspark.zip is left out. spark-submit would import it in place of the package, and Python compiles a
    module of a zip at every import.
    """
    home = shared_home(package)
    if spark_home(package) == home:
        return
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".making-") as temporary:
        making = Path(temporary) / home.name
        for folder in ("bin", "jars"):
            shutil.copytree(package / folder, making / folder, copy_function=_link_or_copy)
        library = making / "python" / "lib"
        library.mkdir(parents=True)
        for archive in (package / "python" / "lib").glob("py4j-*.zip"):
            _link_or_copy(archive, library / archive.name)
        shutil.rmtree(home, ignore_errors=True)  # one that lacks a file
        try:
            making.rename(home)
        except OSError:  # another setup was faster
            if not home.is_dir():
                raise


def _version(jars: Path) -> str:
    """Spark's version, and a digest of the names and sizes of its jars."""
    found = sorted((jar.name, jar.stat().st_size) for jar in jars.glob("*.jar"))
    core = next((name for name, _ in found if name.startswith("spark-core_")), "spark-core_-unknown.jar")
    digest = hashlib.sha256(repr(found).encode()).hexdigest()[:12]
    return f"{core.removesuffix('.jar').rpartition('-')[2]}-{digest}"


def _link_or_copy(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, target)
