"""What tells a submission from another one: its checkpoint's id, its lake's files and rows, its programs.

Two honest submissions share none of these, except for what the assignment or a template gave to all of the class.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from configs.contract import COLUMN_NAMES, RoundRecord
from configs.settings import PROJECT
from configs.storage import Place
from grader.class_run.names import PASSED_OVER
from grader.class_run.similar import is_name, passages, tokens_of
from grader.evidence import Evidence
from grader.evidence.listing import file_names, opened, read_bytes
from grader.evidence.orders import SECOND_US, moment_us
from grader.evidence.rounds import read_record
from grader.mismatch import Mismatch
from grader.renderers import one_line

_MAX_FILES = 2000  # of a submission, and of a lake
_MAX_ROWS = 5000
_MAX_HASHED = 64 << 20  # bytes of a file; of a larger one the beginning and the size count
_MAX_PROGRAM = 1 << 20  # bytes
_MIN_TOKENS = 80  # of a program; a shorter one can be the same by accident
_PROGRAM = re.compile(r".*(producer|consumer|cdc|stream).*\.py", re.IGNORECASE | re.DOTALL)
_RECORD = re.compile(r"round\d+\.json", re.ASCII)


class Fingerprints(BaseModel):
    """Hashes are hexadecimal. What a submission does not have is None or empty.

    - `content`: of the names and contents of all files.
    - `checkpoint`: the id that Spark gave to the query.
    - `lake_files`: name without folders -> hash. Spark puts a random id into each name.
    - `rows`: hash of all columns -> order_id, for the rows of the lake.
    - `programs`: path -> hash of the tokens, without the choice of names, texts and comments.
    - `passages`: path of a program -> hashes of its passages, without those of the kit's own programs. See `similar`.
    - `rollnumbers`: where a roll number is -> the roll number.
    """

    model_config = ConfigDict(frozen=True)

    content: str | None = None
    checkpoint: str | None = None
    lake_files: dict[str, str] = {}
    rows: dict[str, int] = {}
    programs: dict[str, str] = {}
    passages: dict[str, frozenset[int]] = {}
    rollnumbers: dict[str, str] = {}


def fingerprints(evidence: Evidence) -> Fingerprints:
    """Of a graded submission, with what the grading has already read.

    Raises:
        OSError: a file cannot be read.
    """
    root = evidence.config.boundary or evidence.config.root
    files = list(_files(root))
    lake = evidence.lake
    programs = _programs(root, files)
    # A stranger's names can have broken text, which no report can hold.
    return Fingerprints(
        content=_content(root, files) if files else None,
        checkpoint=_checkpoint_id(evidence.checkpoint.folder),
        lake_files={
            one_line(Path(file.path).name): digest
            for file in lake.files[:_MAX_FILES]
            if (digest := _hash(lake.folder or root, file.path)) is not None
        },
        rows=_rows(evidence),
        programs={path: program.digest for path, program in programs.items()},
        passages={path: program.passages - _own_passages() for path, program in programs.items()},
        rollnumbers=_rollnumbers(evidence),
    )


def _files(root: Path) -> Iterator[str]:
    """Paths of the regular files, relative to `root`, in a fixed order."""
    found = 0
    for where, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in PASSED_OVER)
        for name in sorted(names):
            path = Path(where, name)
            if found < _MAX_FILES and stat.S_ISREG(path.lstat().st_mode):
                found += 1
                yield path.relative_to(root).as_posix()


def _content(root: Path, files: list[str]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path}\0{_hash(root, path)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _hash(root: Place, path: str) -> str | None:
    try:
        size = (root / path).stat().st_size
        with opened(root / path) as file:
            return hashlib.sha256(file.read(_MAX_HASHED) + f"{size}".encode()).hexdigest()
    except OSError:
        return None


def _checkpoint_id(folder: Path | None) -> str | None:
    try:
        found = json.loads(read_bytes(folder or Path(), "metadata", 4096)) if folder is not None else None
    except (OSError, ValueError, RecursionError):
        return None
    value = found.get("id") if isinstance(found, dict) else None
    return one_line(value) if isinstance(value, str) else None


def _rows(evidence: Evidence) -> dict[str, int]:
    """The rows of the lake; empty if it is damaged, or has too many rows to compare. The kit's base rows do not count.

    Times count in whole seconds, because a pipeline can lose the digits after them.
    """
    lake = evidence.lake
    if not lake.figures.rows or lake.figures.rows > _MAX_ROWS:
        return {}
    try:
        rows = lake.orders.to_pylist()
    except Mismatch:
        return {}
    found = {}
    for row in rows:
        second = None if row["created_at"] is None else row["created_at"] // SECOND_US
        if second not in _base_row_seconds():
            text = repr([*(row[name] for name in COLUMN_NAMES if name != "created_at"), second])
            found[hashlib.sha256(text.encode(errors="replace")).hexdigest()[:24]] = int(row["order_id"])
    return found


@cache
def _base_row_seconds() -> frozenset[int]:
    """The times of the kit's base rows, which every student can have, in seconds since 1970."""
    times = re.findall(r"TIMESTAMP '([^']+)'", (PROJECT / "db" / "orders.sql").read_text(encoding="utf-8"))
    return frozenset(moment_us(time) // SECOND_US for time in times)


@dataclass(frozen=True)
class Program:
    """A Python program: the hash of its tokens, and the hashes of its passages."""

    digest: str
    passages: frozenset[int]


def _programs(root: Path, files: list[str]) -> dict[str, Program]:
    own = {program.digest for program in _own_programs()}
    found = {}
    for path in files:
        if _PROGRAM.fullmatch(Path(path).name):
            program = read_program(root, path)
            if program is not None and program.digest not in own:
                found[one_line(path)] = program
    return found


def read_program(root: Path, path: str) -> Program | None:
    """A program; None if it is no Python, or short.

    For its hash, names become numbers in the order of their first use, and texts become one word. So renaming
    everything, and changing comments, texts or blank lines, changes nothing.
    """
    try:
        tokens = tokens_of(read_bytes(root, path, _MAX_PROGRAM))
    except (OSError, SyntaxError, ValueError, tokenize.TokenError, RecursionError):
        return None
    if len(tokens) < _MIN_TOKENS:
        return None
    names = dict[str, str]()
    words = [
        names.setdefault(token.string, f"name{len(names)}")
        if is_name(token)
        else "text"
        if token.type == tokenize.STRING
        else token.string
        for token in tokens
    ]
    return Program(hashlib.sha256("\n".join(words).encode()).hexdigest(), passages(tokens))


@cache
def _own_programs() -> tuple[Program, ...]:
    """The kit's own programs, which every student has."""
    paths = [path for folder in ("producers", "consumers") for path in (PROJECT / folder).rglob("*.py")]
    programs = (read_program(PROJECT, path.relative_to(PROJECT).as_posix()) for path in paths)
    return tuple(program for program in programs if program is not None)


@cache
def _own_passages() -> frozenset[int]:
    return frozenset(passage for program in _own_programs() for passage in program.passages)


def _rollnumbers(evidence: Evidence) -> dict[str, str]:
    settings = evidence.config.settings
    checkpoint = evidence.checkpoint
    last = checkpoint.last_offset_batch
    topics = checkpoint.ends_of(last) if last is not None else {}
    found = {
        "config": settings.rollnumber if settings else "",
        "topic of the config": _of_topic(settings.kafka.topic) if settings else "",
        "topic of the checkpoint": next((_of_topic(topic) for topic in topics), ""),
        "records of the rounds": _of_records(evidence.rounds.folder),
    }
    return {where: one_line(rollnumber) for where, rollnumber in found.items() if rollnumber}


def _of_records(folder: Path) -> str:
    """The roll number of the first record that can be read, also of one that belongs to another pipeline."""
    names = [name for name in file_names(folder) if _RECORD.fullmatch(name)]
    records = (read_record(folder / name) for name in names)
    return next((record.rollnumber for record in records if isinstance(record, RoundRecord)), "")


def _of_topic(topic: str) -> str:
    rollnumber, is_usual, _ = topic.partition("_food_orders_raw")
    return rollnumber if is_usual else ""
