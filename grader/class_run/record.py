"""What is kept of each graded submission, so that a run that was killed goes on where it was.

`OUT/<submission>/` has only what the student may see. The record beside it, `OUT/.class/<submission>.json`, is written
last, as a whole, and renamed. A submission without a valid record is graded again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from configs.settings import PROJECT
from grader import KIT_VERSION
from grader.class_run.discovery import Found
from grader.class_run.fingerprints import Fingerprints

STORE = ".class"  # in OUT: records, unpacked archives and work in progress


class Record(BaseModel):
    """The result of a submission.

    - `inputs`: hash of what the result depends on: the submission, the rubric, the kit, the mode.
    - `score`, `max_score`: None if a person must decide.
    - `checks`: id -> PASS, FAIL, SKIP, ERROR or ADVICE. `losses`: id -> the marks that the check cost.
    - `files`: the reports, with their sizes. A power failure can leave files of size 0.
    """

    model_config = ConfigDict(frozen=True)

    inputs: str
    submission: str
    verdict: Literal["pass", "fail", "error"]
    score: float | None
    max_score: float | None
    rollnumber: str | None
    producer: str
    consumer: str
    seconds: float
    note: str
    checks: dict[str, str]
    losses: dict[str, float]
    files: dict[str, int]
    fingerprints: Fingerprints


def inputs_of(found: Found, rubric_sha256: str, mode: str) -> str:
    """The hash of everything that the result of a submission depends on."""
    parts = [found.name, found.fingerprint, rubric_sha256, KIT_VERSION, _code_sha256(), mode]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@cache
def _code_sha256() -> str:
    """The hash of the grader's code: an updated grader can judge differently, whatever its version says."""
    digest = hashlib.sha256()
    for folder in (PROJECT / "grader", PROJECT / "configs"):
        for path in sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".j2")):
            digest.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


class Store:
    """The results in OUT. Every method may be called from several threads, for different submissions."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._store = out / STORE

    @property
    def unpacked(self) -> Path:
        """Where archives of several students are unpacked."""
        return self._store / "unpacked"

    @property
    def _begun(self) -> Path:
        """What this process works on. Not shared: workers of a run that was killed write into its own for a second."""
        return self._store / "begun" / str(os.getpid())

    @property
    def scratch(self) -> Path:
        """Where workers unpack; new after `begin`."""
        return self._begun / "scratch"

    def begin(self) -> None:
        """Make the folders, and remove what a run that was killed was working on.

        Raises:
            OSError: the folder cannot be written.
        """
        shutil.rmtree(self._store / "begun", ignore_errors=True)
        for folder in (self.scratch, self._begun / "work"):
            folder.mkdir(parents=True, exist_ok=True)
        (self._store / "results").mkdir(exist_ok=True)

    def work(self, found: Found) -> Path:
        """A new empty folder for the reports on a submission."""
        folder = self._begun / "work" / found.folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def keep(self, found: Found, work: Path, record: Record) -> None:
        """Make the reports in `work` the results of the submission, and write its record last.

        Raises:
            OSError: a file cannot be written.
        """
        path = self._path(found)
        path.unlink(missing_ok=True)  # from here on the submission counts as not graded
        target = self.out / found.folder
        shutil.rmtree(target, ignore_errors=True)
        work.rename(target)
        write_whole(path, record.model_dump_json())

    def read(self, found: Found, inputs: str) -> Record | None:
        """The record of a submission; None if there is none, it was made from other inputs, or its reports are not as
        they were written.
        """
        try:
            record = Record.model_validate_json(self._path(found).read_bytes())
        except (OSError, ValidationError):
            return None
        return record if record.inputs == inputs and sizes(self.out / found.folder) == record.files else None

    def strangers(self, known: set[str]) -> list[str]:
        """Folders of results of submissions that are not there any more."""
        names = [path.stem for path in (self._store / "results").glob("*.json")]
        return sorted(name for name in names if name not in known and (self.out / name).is_dir())

    def _path(self, found: Found) -> Path:
        return self._store / "results" / f"{found.folder}.json"


def sizes(folder: Path) -> Mapping[str, int]:
    """The files directly in a folder, with their sizes; empty if there is no such folder."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return {entry.name: entry.stat().st_size for entry in entries if entry.is_file(follow_symlinks=False)}
    return {}


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader finds the old or the new content, whatever happens meanwhile.

    Raises:
        OSError: it cannot be written.
    """
    begun = path.with_name(f".{path.name}.begun")
    begun.write_text(text, encoding="utf-8", newline="")
    begun.replace(path)
