"""Archives of Java classes (class data sharing): a JVM maps its classes from one, already parsed and verified.

A Spark program and the broker load 15,000 and 7,000 classes at each start, which takes most of the CPU of a short life.
An archive is made once for each user: setup starts that in the background, and it is kept in the cache beside the jars.
What is in it is named by spark.classes.gz and kafka.classes.gz (written by `python -m scripts.record_classes`).

A JVM takes an archive only if it fits its own build and its class path. Otherwise it silently loads its classes as
ever. So an archive that is missing, damaged or of another Java costs time and nothing else. Its name changes with all
that it depends on. Standard library only: setup runs this with the machine's Python.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from configs.errors import KitError, run_command
from scripts.services.jars import cache_folder, jar_paths
from scripts.services.java import Java, require_java
from scripts.services.spark_home import make_shared_home, shared_home, spark_home

SPARK, KAFKA = "spark", "kafka"
GROUPS = KAFKA, SPARK  # in the order in which they are made: the smaller one first
PROJECT = Path(__file__).resolve().parents[2]
CLASSES = {group: Path(__file__).with_name(f"{group}.classes.gz") for group in GROUPS}
KEPT = 3  # archives of a group: other clones may have another Java, or other versions
# Mapped at the address that it was made for, an archive's memory is shared by all JVMs; elsewhere each needs its own.
# The logs of the programs have no place for what a JVM says about an archive that it does not take.
_OPTIONS = (
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:ArchiveRelocationMode=0",
    "-Xlog:cds=off",
    "-Xlog:class+path=off",
)
_DUMP = ("-Xshare:dump", "-XX:TieredStopAtLevel=1", "-Xmx768m", "-Xlog:disable", "-Xlog:all=error:stderr")


def spark_package() -> Path:
    """The folder of pyspark in this interpreter's venv, found without importing it, which takes a while.

    Raises:
        KitError: it is not installed.
    """
    packages = (Path(folder) / "pyspark" for folder in sys.path)
    found = next((package for package in packages if (package / "jars").is_dir()), None)
    if found is None:
        raise KitError("The package pyspark is not in .venv. Run `make setup`.")
    return found


def class_path(group: str, package: Path) -> str:
    """The class path of a Spark program, as spark-submit puts it together, or of the broker.

    Raises:
        KitError: a jar is missing.
    """
    jars = [str(jar) for jar in jar_paths(group)]
    home = spark_home(package)
    return ":".join([*jars, f"{home}/conf/", f"{home}/jars/*"] if group == SPARK else jars)


def shared_folders() -> list[Path]:
    """What a Spark program and the broker read of the cache, beside the jars; a folder may not exist yet."""
    return [_folder(), shared_home(spark_package())]


def archive_file(group: str, java: Java, package: Path) -> Path:
    """Where the archive of a group is, or would be, for this Java and these jars.

    Raises:
        KitError: a jar is missing.
    """
    path = class_path(group, package)
    jars = jar_paths(group)
    if group == SPARK:
        jars += sorted((spark_home(package) / "jars").glob("*.jar"))
    digest = hashlib.sha256(CLASSES[group].read_bytes())
    stamps = [_stamp(file) for file in (java.executable, java.home / "lib" / "modules", *jars) if file.is_file()]
    for part in (java.home, java.version, path, *_DUMP, *stamps):
        digest.update(f"{part}\n".encode())
    return _folder() / f"{group}-{digest.hexdigest()[:16]}.jsa"


def archive_options(group: str, java: Java, package: Path) -> list[str]:
    """Java's options that use the archive of a group; none where there is no archive yet.

    Raises:
        KitError: a jar is missing.
    """
    file = archive_file(group, java, package)
    return [f"-XX:SharedArchiveFile={file}", *_OPTIONS] if file.is_file() else []


def are_missing(java: Java, package: Path) -> bool:
    """Whether an archive, or the home of Spark that its paths lead to, is not in the cache.

    Raises:
        KitError: a jar is missing.
    """
    return spark_home(package) == package or not all(archive_file(group, java, package).is_file() for group in GROUPS)


def start_making(python: Path) -> None:
    """Make in the background what is missing, at the lowest priority: a minute or two, also after its caller's end."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "making.log").open("w") as log:
        subprocess.Popen(
            [str(python), "-m", "scripts.services.class_archive"],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def make_missing(java: Java, package: Path) -> list[Path]:
    """Make what is missing; nothing while another process does. Returns the new archives.

    Raises:
        KitError: a jar is missing, or Java could not write an archive.
    """
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return []
        for abandoned in folder.glob(".making-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        make_shared_home(package)
        files = {group: archive_file(group, java, package) for group in GROUPS}
        made = [_make(group, java, package) for group, file in files.items() if not file.is_file()]
        for group in GROUPS:
            newest_first = sorted(folder.glob(f"{group}-*.jsa"), key=lambda file: file.stat().st_mtime, reverse=True)
            for old in newest_first[KEPT:]:
                old.unlink()
    return made


def _folder() -> Path:
    return cache_folder().parent / "classes"


def _make(group: str, java: Java, package: Path) -> Path:
    """Write an archive under another name, then rename it: no JVM finds half of one."""
    file = archive_file(group, java, package)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".making-") as temporary:
        classes, making = Path(temporary) / "classes", Path(temporary) / file.name
        classes.write_bytes(gzip.decompress(CLASSES[group].read_bytes()))
        command = [str(java.executable), *_DUMP, f"-XX:SharedClassListFile={classes}"]
        command += [f"-XX:SharedArchiveFile={making}", "-cp", class_path(group, package)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not making.is_file():
            said = (done.stderr.strip() or done.stdout.strip() or "nothing")[-300:]
            raise KitError(f"Java could not write the archive {file}: {said}. Programs start without it, more slowly.")
        with making.open("rb") as stream:
            os.fsync(stream.fileno())
        making.replace(file)
    return file


def _stamp(file: Path) -> str:
    status = file.stat()
    return f"{file.name} {status.st_size} {status.st_mtime_ns}"


def main() -> int:
    with contextlib.suppress(OSError):
        os.nice(19)
    for file in make_missing(require_java(), spark_package()):
        print(file)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, prefix=""))
