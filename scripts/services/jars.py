"""The jars of Kafka, of Spark's connectors and of S3: resolved once by pyspark's Ivy, kept in the user's cache, pinned.

Setup fetches the jars of Kafka and of Spark's connectors. Those of S3 are fetched only for a config that needs them.

Standard library only: setup runs this before any package is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from configs.errors import KitError
from configs.wording import counted
from scripts.services.truststore import trust_options

IVY_MODULE = Path(__file__).with_name("jars.xml")
_PROBLEM = re.compile(r"exception|refused|unknown host|timed? ?out|not found|error", re.IGNORECASE)
PINS = Path(__file__).with_name("jars.sha256")
KAFKA, SPARK, S3PROXY, S3A = "kafka", "spark", "s3proxy", "s3a"
DEFAULT = KAFKA, SPARK
CONTENTS = {
    KAFKA: "Kafka",
    SPARK: "Spark's connectors",
    S3PROXY: "S3Proxy (18 MB)",
    S3A: "Spark's connector to S3 (282 MB)",
}


def cache_folder() -> Path:
    """Where the jars are kept, shared by all clones of one user, as pip and Ivy do."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "food-orders-kit" / "jars"


def pinned(groups: Sequence[str] = DEFAULT) -> dict[str, str]:
    """Path below the cache folder -> sha256, from the committed jars.sha256 (the format of sha256sum)."""
    pairs = (line.split(maxsplit=1) for line in PINS.read_text(encoding="utf-8").splitlines())
    wanted = tuple(f"{group}/" for group in groups)
    return {path.strip(): digest for digest, path in pairs if path.startswith(wanted)}


def missing_jars(groups: Sequence[str]) -> list[str]:
    """The paths, below the cache folder, of jars that are not there."""
    folder = cache_folder()
    return [path for path in pinned(groups) if not (folder / path).is_file()]


def jar_paths(group: str) -> list[Path]:
    """The jars of a group, in the order of jars.sha256.

    Raises:
        KitError: one is not in the cache.
    """
    paths = [cache_folder() / path for path in pinned([group])]
    absent = next((path for path in paths if not path.is_file()), None)
    if absent:
        raise KitError(f"{absent} is missing. Run `make setup`: it downloads and checks the jars.")
    return paths


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def ensure_jars(java: Path, ivy: Path, on_progress: Callable[[str], None], groups: Sequence[str] = DEFAULT) -> int:
    """Check every pinned jar of the groups in the cache and download those that are missing; return how many.

    Ivy keeps what it has downloaded: after an interruption the next run continues from there.

    Raises:
        KitError: a jar differs from its pin, or Ivy could not fetch one.
    """
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pins = pinned(groups)
        missing = missing_jars(groups)
        for path, expected in pins.items():
            if path not in missing:
                _compare(folder / path, expected)
        if missing:
            incomplete = [group for group in CONTENTS if any(path.startswith(f"{group}/") for path in missing)]
            contents = " and ".join(CONTENTS[group] for group in incomplete)
            on_progress(
                f"{counted(len(missing), 'jar')} missing: downloading the jars of {contents} "
                "(about a minute, once per user)"
            )
            _fetch(java, ivy, folder, incomplete, missing, on_progress)
    return len(missing)


def _compare(path: Path, expected: str) -> None:
    found = sha256(path)
    if found != expected:
        raise KitError(
            f"{path} is not the jar that this kit was tested with: its sha256 is {found[:16]}..., the pinned one is "
            f"{expected[:16]}.... Delete that file and run `make setup` again. If it differs again, the package mirror "
            "of this machine serves another file."
        )


def _fetch(
    java: Path,
    ivy: Path,
    folder: Path,
    groups: list[str],
    missing: list[str],
    on_progress: Callable[[str], None],
) -> None:
    pins = pinned(groups)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as fetched:
        command = [
            str(java),
            *trust_options(java, Path(fetched)),
            "-jar",
            str(ivy),
            "-ivy",
            str(IVY_MODULE),
            "-m2compatible",
        ]
        command += ["-cache", str(folder / ".ivy"), "-confs", *groups, "-types", "jar", "bundle"]
        command += ["-retrieve", f"{fetched}/[conf]/[artifact]-[revision].[ext]"]
        last_lines: list[str] = []
        arrived = 0
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                last_lines = [*last_lines[-40:], line.rstrip()]
                done = re.search(r"\[SUCCESSFUL ?\] (\S+?)!", line)
                if done:
                    arrived += 1
                    on_progress(f"downloaded {arrived} of {len(pins)}: {done[1].rpartition('#')[2].replace(';', ' ')}")
        if process.returncode:
            problem = next((line.strip() for line in last_lines if _PROBLEM.search(line)), last_lines[-1:] or "nothing")
            raise KitError(
                f"Downloading the jars failed. Ivy reports {problem!r}. Is there a network? Run `make setup` again: "
                "finished downloads are kept."
            )
        for path in missing:
            source = Path(fetched) / path
            if not source.is_file():
                raise KitError(f"Ivy did not download {path}, which jars.sha256 pins. Run `make setup` again.")
            _compare(source, pins[path])
            target = folder / path
            target.parent.mkdir(exist_ok=True)
            source.replace(target)
    shutil.rmtree(folder / ".ivy", ignore_errors=True)
