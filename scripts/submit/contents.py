"""What is handed in: which file of this machine goes to which name in the archive, in parts that a reader knows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from configs.contract import state_files
from configs.errors import KitError
from configs.settings import PROJECT, Settings, load_handed_in, local_path
from grader.class_run.names import PASSED_OVER
from scripts.pipeline.imported_files import imported_files
from scripts.pipeline.student_programs import FILE_NAMES, require_modules
from scripts.services.stack import PROGRAM_NAMES, Programs, Stack
from scripts.submit.handed_in_config import NAME as CONFIG
from scripts.submit.handed_in_config import Locations, handed_in_config, locations, own_config
from scripts.submit.secrets import is_source, secrets_in

SAMPLE_ROLLNUMBER = "2025em1100471"  # of the config that comes with the kit
MAX_BYTES = 50 << 20  # of all files together, unpacked; learning management systems take 50 or 100 MB
_LARGEST_SHOWN = 5
_FOLDERS = {"producer": "producers", "consumer": "consumers"}
_KITS_OWN = Programs(
    "ours", PROJECT / "producers" / FILE_NAMES["producer"], PROJECT / "consumers" / FILE_NAMES["consumer"], PROJECT
)
_BYTECODE = (".pyc", ".pyo")


class SubmitError(KitError):
    """Nothing is handed in; each line of the message says why, and what to do."""


@dataclass(frozen=True)
class Part:
    """Files of one kind: their names in the archive, below its project folder, and where they are or what they hold."""

    name: str
    files: Mapping[str, Path | bytes]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(file) if isinstance(file, bytes) else file.stat().st_size for file in self.files.values())


@dataclass(frozen=True)
class Contents:
    """All parts, and sentences on what is unusual and not wrong. No two parts have the same file."""

    rollnumber: str
    parts: tuple[Part, ...]
    warnings: tuple[str, ...]

    @property
    def files(self) -> dict[str, Path | bytes]:
        return {name: file for part in self.parts for name, file in part.files.items()}


def contents(stack: Stack) -> Contents:
    """Everything that is handed in for this stack's programs, checked.

    Raises:
        KitError: a program, the config or all evidence is missing; a link leads out of the project; a password is in
            it; it is too large.
    """
    programs = stack.programs if stack.programs.folder is not None else _KITS_OWN
    root = _project_of(programs)
    for name in PROGRAM_NAMES:
        require_modules(programs.path(name), root)
    config = own_config(stack)
    settings, places = stack.settings, locations(stack.settings)
    evidence = _evidence(settings, places)
    text = handed_in_config(stack, config, places, has_quarantine=any(part.name == "quarantine" for part in evidence))
    parts = _without_repeats([Part("config", {CONFIG: text}), *_source_parts(programs, root), *evidence])
    warnings = (*_number_warnings(config, settings), *_warnings(programs, root, parts, settings))
    found = Contents(settings.rollnumber, parts, warnings)
    _require_clean(found.files)
    _require_small(found.files)
    return found


def _project_of(programs: Programs) -> Path:
    """The folder that has producers/ and consumers/, or else the two programs' own."""
    homes = []
    for name in PROGRAM_NAMES:
        folder = programs.path(name).parent
        homes.append(folder.parent if folder.name == _FOLDERS[name] else folder)
    return Path(os.path.commonpath(homes))


def _source_parts(programs: Programs, root: Path) -> Iterator[Part]:
    both = [programs.path(name) for name in PROGRAM_NAMES]
    yield Part("programs", _named(root, both))
    folders = [root / folder for folder in _FOLDERS.values()]
    beside = [path for folder in folders for path in _files_below(folder, hidden=False)]
    yield Part("modules", _named(root, [*imported_files(both, root), *beside]))
    yield Part("table", _named(root, _files_below(root / "db", hidden=False)))
    yield Part("scripts", _named(root, sorted((root / "scripts").glob("*.sh"))))
    yield Part("README", _named(root, sorted(root.glob("README*"))[:1]))


def _named(root: Path, paths: Iterable[Path]) -> dict[str, Path]:
    """Name in the archive -> file.

    Raises:
        SubmitError: a file is a link to something outside the project.
    """
    whole = root.resolve()
    for path in paths:
        if not path.resolve().is_relative_to(whole):
            raise SubmitError(f"{path} leads to {path.resolve()}, outside the project. Put a copy of the file there.")
    return {path.relative_to(root).as_posix(): path for path in paths}


def _evidence(settings: Settings, places: Locations) -> list[Part]:
    """The parts with what the pipeline has written; a part without files is left out.

    Raises:
        SubmitError: there is neither a lake nor a checkpoint.
    """
    streaming = settings.streaming
    state = local_path(streaming.last_processed_timestamp_location)
    rounds = _files_below(settings.rounds_folder, hidden=False)
    found = [
        Part("lake", _tree(settings.datalake.path, places.lake)),
        Part("checkpoint", _tree(streaming.checkpoint_location, places.checkpoint)),
        Part("quarantine", _tree(settings.datalake.quarantine_path, places.quarantine)),
        Part("state", {_state_name(state, path, places.state): path for path in state_files(state) if path.is_file()}),
        Part("rounds", _named(settings.root, [path for path in rounds if path.suffix == ".json"])),
    ]
    if not any(part.files for part in found[:2]):
        raise SubmitError(
            f"There is no lake in {settings.datalake.path}, and no checkpoint. Run `make round1 round2 round3` first."
        )
    return [part for part in found if part.files]


def _state_name(location: Path, path: Path, place: str) -> str:
    return place if path == location else f"{place}/{path.name}"


def _tree(location: str, place: str) -> dict[str, Path]:
    """All files of a folder that Spark has written, hidden ones too: they hold the checksums.

    Raises:
        SubmitError: one of them is a link.
    """
    folder = local_path(location)
    paths = _files_below(folder, hidden=True)
    for path in paths:
        if path.is_symlink():
            raise SubmitError(f"{path} is a link, and the grader follows none. Spark writes no links: remove it.")
    return {f"{place}/{path.relative_to(folder).as_posix()}": path for path in paths}


def _files_below(folder: Path, *, hidden: bool) -> list[Path]:
    """The files of a folder, sorted. Nobody's own files, such as a venv's or bytecode, are left out.

    Raises:
        SubmitError: a folder in it is a link.
    """
    found = []
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in PASSED_OVER and (hidden or name[0] != ".")]
        linked = [Path(where, name) for name in folders if Path(where, name).is_symlink()]
        if linked:
            raise SubmitError(f"{linked[0]} is a link to another folder. Put a copy of the folder there, or remove it.")
        found += [Path(where, name) for name in names if not name.endswith(_BYTECODE) and (hidden or name[0] != ".")]
    return sorted(found)


def _without_repeats(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts that have files; a file that two parts name is in the first."""
    seen: set[str] = set()
    result = []
    for part in parts:
        files = {name: file for name, file in part.files.items() if name not in seen}
        seen |= files.keys()
        if files:
            result.append(Part(part.name, files))
    return tuple(result)


def _warnings(programs: Programs, root: Path, parts: Iterable[Part], settings: Settings) -> Iterator[str]:
    names = {name for part in parts for name in part.files}
    for program in PROGRAM_NAMES:
        usual = f"{_FOLDERS[program]}/{FILE_NAMES[program]}"
        if usual not in names:
            there = programs.path(program).relative_to(root).as_posix()
            yield f"The assignment has the {program} at {usual}; yours is at {there}."
    for name in ("db/orders.sql", *(f"scripts/{program}_spark_submit.sh" for program in PROGRAM_NAMES), "README.md"):
        if name not in names:
            yield f"{name} is missing in {root}. The assignment asks for it."
    rounds = [f"round{number}" for number in (1, 2, 3)]
    missing = [one for one in rounds if not (settings.rounds_folder / f"{one}.json").is_file()]
    if missing:
        yield f"No record of {', '.join(missing)}: what it shows cannot be judged. Run `make {' '.join(missing)}`."
    if not any(part.name == "state" for part in parts):
        yield "There is no state file: the state's marks cannot be earned."


def _number_warnings(config: Path, settings: Settings) -> Iterator[str]:
    written = load_handed_in(config).rollnumber
    if written and written != settings.rollnumber:
        yield (
            f"The rounds ran with the roll number {settings.rollnumber}, and {config} has {written}. If that is yours, "
            f"run the rounds and `make submit` with ROLLNUMBER={written}."
        )
    elif settings.rollnumber == SAMPLE_ROLLNUMBER:
        yield (
            f"{SAMPLE_ROLLNUMBER} is the roll number of the sample. Write your own into {settings.source}, and run the "
            "rounds again."
        )


def _require_clean(files: Mapping[str, Path | bytes]) -> None:
    lines = []
    for name, file in files.items():
        if is_source(name):
            content = file if isinstance(file, bytes) else file.read_bytes()
            lines += [
                f"{name}, line {line}: {what}. Take it out: use ORDERS_POSTGRES__PASSWORD or another variable."
                for line, what in secrets_in(name, content)
            ]
    if lines:
        raise SubmitError("\n".join(lines))


def _require_small(files: Mapping[str, Path | bytes]) -> None:
    sizes = {name: len(file) if isinstance(file, bytes) else file.stat().st_size for name, file in files.items()}
    total = sum(sizes.values())
    if total > MAX_BYTES:
        largest = sorted(sizes, key=lambda name: -sizes[name])[:_LARGEST_SHOWN]
        shown = ", ".join(f"{name} ({megabytes(sizes[name])})" for name in largest)
        raise SubmitError(
            f"It has {megabytes(total)}, and {megabytes(MAX_BYTES)} is the limit. The largest files: {shown}. "
            "Remove what is not yours to hand in; `make reset` and three rounds give a small lake."
        )


def megabytes(count: int) -> str:
    """A size for a reader: 12 KB, 3.4 MB."""
    return f"{count / 2**20:.1f} MB" if count >= 1 << 20 else f"{max(1, round(count / 1024))} KB"
