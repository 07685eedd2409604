"""Finds the submissions in the folder of a class, at any depth. What is no submission is listed with the reason.

A submission is a folder, an archive or a git checkout that contains something of the assignment. So is everything whose
name shows which student handed it in. A folder or archive with the work of several students is looked into.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from configs.errors import KitError
from configs.wording import counted
from grader.archive import SUFFIXES, ArchiveError, entry_names, stem, unpack
from grader.class_run.names import PASSED_OVER, LmsName, lms_name, rollnumber_in, safe_name, with_hash
from grader.class_run.roster import Person, Roster
from grader.evidence.config import CONFIG_NAME
from grader.evidence.listing import PARQUET_SUFFIXES
from grader.evidence.several_submissions import are_different, owner_of

_DEPTH = 30  # levels of folders that are looked at; hostile archives have thousands
_MAX_ENTRIES = 200_000  # of one folder of the class
_OF_SYSTEMS = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX"})
_CONFIG_FOLDERS = ("configs", "config")
_USUAL_FOLDERS = frozenset({"producers", "consumers", "datalake", "checkpoints", "state", "configs", "db"})
_VARIANTS = frozenset({"local", "s3"})  # the assignment's names for two variants of one submission
_PROGRAM = re.compile(r".*(producer|consumer|cdc).*\.(py|ipynb)", re.IGNORECASE)
_STATE = re.compile(r"last_(processed_)?(timestamp|ts).*", re.IGNORECASE)
_OTHER_ARCHIVES = (".rar", ".7z", ".gz", ".xz", ".bz2")
_REPORTS = frozenset({"report.json", "report.html", "results.json"})  # what `grader grade` leaves beside an archive
_OWN_NAMES = frozenset({"gradebook.csv", "canvas.csv", "moodle.csv", "copies.csv", "index.html"})


class DiscoveryError(KitError):
    """The folder of the class cannot be used; the message says what to do."""

    exit_code = 2


@dataclass(frozen=True)
class Found:
    """A submission.

    - `path`: the folder or archive.
    - `name`: its path in the folder of the class, with / between folders.
    - `folder`: the name of its folder of results, which no other submission has.
    - `fingerprint`: changes if its files change. It is made of names, sizes and times, not of contents.
    """

    path: Path
    name: str
    folder: str
    fingerprint: str


@dataclass(frozen=True)
class NoSubmission:
    """Something in the folder of the class that is not graded, and the reason."""

    name: str
    why: str


@dataclass(frozen=True)
class Discovery:
    submissions: tuple[Found, ...]
    others: tuple[NoSubmission, ...]


@dataclass
class _Tree:
    """A folder, on disk or in an archive, by its names. Files are name -> (size, time in ns). Links are left out."""

    folders: dict[str, _Tree] = field(default_factory=dict)
    files: dict[str, tuple[int, int]] = field(default_factory=dict)

    def lines(self, prefix: str = "") -> Iterator[str]:
        for name, (size, time) in sorted(self.files.items()):
            yield f"{prefix}{name}\0{size}\0{time}\n"
        for name, folder in sorted(self.folders.items()):
            yield from folder.lines(f"{prefix}{name}/")

    def walk(self) -> Iterator[_Tree]:
        yield self
        for folder in self.folders.values():
            yield from folder.walk()

    @property
    def archives(self) -> list[str]:
        return sorted(name for name in self.files if name.lower().endswith(SUFFIXES) and not name.startswith("."))


def discover(folder: Path, roster: Roster, unpacked: Path, *, without: Path | None = None) -> Discovery:
    """The submissions in `folder`, sorted by name. Archives of several students are unpacked into `unpacked` and kept.

    `without` is a folder that is passed over: that of the results.

    Raises:
        DiscoveryError: the folder is one submission.
        UnpackError: this machine cannot unpack an archive.
    """
    folder = folder.resolve()
    search = _Search(roster, unpacked, without.resolve() if without else None)
    tree = search.read(folder)
    if _is_project(tree):
        raise DiscoveryError(
            f"{folder}: is one submission. Grade it with `.venv/bin/python -m grader grade`, or name the folder above "
            "it"
        )
    search.look_into(tree, folder, "")
    submissions = sorted(search.submissions, key=lambda found: found.name)
    return Discovery(_with_folders(submissions), tuple(sorted(search.others, key=lambda other: other.name)))


@dataclass
class _Search:
    roster: Roster
    unpacked: Path
    without: Path | None
    submissions: list[Found] = field(default_factory=list)
    others: list[NoSubmission] = field(default_factory=list)

    def look_into(self, tree: _Tree, path: Path, prefix: str, origin: str = "") -> None:
        """Sort the content of a folder that belongs to several students. `origin` is the fingerprint of its archive."""
        for name, below in tree.folders.items():
            if not _is_hidden(name):
                self._folder(below, path / name, f"{prefix}{name}", origin)
        archives = tree.archives
        for name in archives:
            self._archive(path / name, f"{prefix}{name}", origin)
        for name in sorted(set(tree.files) - set(archives)):
            if not _is_hidden(name):
                is_packed = name.lower().endswith(_OTHER_ARCHIVES)
                why = "cannot be unpacked here; ask for a zip" if is_packed else "a file"
                self.others.append(NoSubmission(f"{prefix}{name}", why))

    def _folder(self, tree: _Tree, path: Path, name: str, origin: str) -> None:
        if tree.files.keys() >= _REPORTS and not tree.folders:
            self.others.append(NoSubmission(name, "the grader's reports on one submission"))
        elif self._student(path.name) is not None or _is_project(tree):
            self._add(path, name, tree, origin)
        elif self._is_several(tree, path):
            self.look_into(tree, path, f"{name}/", origin)
        elif not _has_evidence(tree):
            self.others.append(NoSubmission(name, "contains nothing of the assignment"))
        else:
            self._only_child(tree, path, name, origin)

    def _only_child(self, tree: _Tree, path: Path, name: str, origin: str) -> None:
        """A folder with one thing in it is that thing, under the outer name. A student's own name is kept, though."""
        inner, inner_path = tree, path
        while not _is_project(inner):
            below = [child for child in inner.folders if _has_evidence(inner.folders[child])]
            children = [*below, *inner.archives]
            if len(children) != 1:
                break
            inner_path /= children[0]
            is_students = self._student(children[0]) is not None
            if is_students or (not below and self._is_class_archive(inner_path)):
                self.look_into(tree, path, f"{name}/", origin)
                return
            if not below:
                break
            inner = inner.folders[below[0]]
        self._add(path, name, tree, origin)

    def _archive(self, path: Path, name: str, origin: str) -> None:
        fingerprint = _sha(origin, name) if origin else _sha(_status_text(path))
        if self._student(path.name) is not None:
            self.submissions.append(Found(path, name, stem(path), fingerprint))
            return
        try:
            tree = _tree_of_names(entry_names(path))
        except ArchiveError:
            self.submissions.append(Found(path, name, stem(path), fingerprint))  # damaged, which the report says
            return
        if self._is_class_archive(path, tree):
            folder = self._unpacked(path, fingerprint)
            self.look_into(self.read(folder), folder, f"{name}/", fingerprint)
        elif _has_evidence(tree):
            self.submissions.append(Found(path, name, stem(path), fingerprint))
        else:
            self.others.append(NoSubmission(name, "contains nothing of the assignment"))

    def _is_class_archive(self, archive: Path, tree: _Tree | None = None) -> bool:
        """Whether an archive contains the work of several students, by the names in it."""
        if self._student(archive.name) is not None:
            return False
        if tree is None:
            try:
                tree = _tree_of_names(entry_names(archive))
            except ArchiveError:
                return False
        while not _is_project(tree) and not tree.archives and len(tree.folders) == 1:
            (tree,) = tree.folders.values()
        return not _is_project(tree) and self._is_several(tree, None)

    def _is_several(self, tree: _Tree, path: Path | None) -> bool:
        """Whether a folder contains the work of several students. `path` is None for one in an archive."""
        names = [name for name in (*tree.folders, *tree.archives) if not _is_hidden(name)]
        if _is_project(tree):
            return False
        if len({self._student(name) for name in names} - {None}) > 1:
            return True
        whole = [name for name, below in tree.folders.items() if _is_whole(below)]
        archives = tree.archives if path is None else [name for name in tree.archives if _is_whole_archive(path / name)]
        if len(whole) + len(archives) < 2 or (_VARIANTS.issuperset(whole) and not archives):
            return any(self._is_several(below, path and path / name) for name, below in tree.folders.items())
        return bool(archives) or path is None or _have_different_owners([path / name for name in sorted(whole)])

    def _student(self, name: str) -> Person | LmsName | str | None:
        """Which student handed a thing in, by its name; None if the name does not show it."""
        lms, rollnumber = lms_name(name), rollnumber_in(name)
        by_rollnumber = rollnumber.lower() if rollnumber else None
        return self.roster.by_path(name) or (replace(lms, is_late=False) if lms else None) or by_rollnumber

    def _add(self, path: Path, name: str, tree: _Tree, origin: str) -> None:
        fingerprint = _sha(origin, name) if origin else _sha(*tree.lines())
        self.submissions.append(Found(path, name, path.name, fingerprint))

    def read(self, folder: Path) -> _Tree:
        """A folder's names. Those beyond the limits are left out."""
        tree = _Tree()
        for name in _children(folder):
            if not self._read_into(tree, folder, name, _DEPTH, _MAX_ENTRIES):
                self.others.append(NoSubmission(name, f"only its first {_MAX_ENTRIES:,} files were looked at"))
        return tree

    def _read_into(self, tree: _Tree, folder: Path, name: str, depth: int, left: int) -> int:
        """Add the file or folder `name` of `folder` to the tree. Returns how many entries may still follow."""
        path = folder / name
        if not left or not depth or path == self.without:
            return left
        left -= 1
        try:
            status = path.lstat()
        except OSError:
            return left
        if stat.S_ISDIR(status.st_mode) and name not in PASSED_OVER:
            below = tree.folders[name] = _Tree()
            for child in _children(path):
                left = self._read_into(below, path, child, depth - 1, left)
        elif stat.S_ISREG(status.st_mode):
            tree.files[name] = (status.st_size, status.st_mtime_ns)
        return left

    def _unpacked(self, archive: Path, fingerprint: str) -> Path:
        """The folder of an archive of several students, unpacked once and then kept."""
        target = self.unpacked / fingerprint[:16]
        if not target.is_dir():
            begun = target.with_name(f"{target.name}.begun")
            shutil.rmtree(begun, ignore_errors=True)
            begun.mkdir(parents=True)
            try:
                unpack(archive, begun)
            except ArchiveError as error:
                self.others.append(NoSubmission(archive.name, f"only a part of it could be unpacked: {error}"))
            begun.rename(target)
        return target


def _children(folder: Path) -> list[str]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if not entry.is_symlink())
    return []


def _tree_of_names(names: list[str]) -> _Tree:
    tree = _Tree()
    for name in names:
        *parents, last = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")] or [""]
        if not last or PASSED_OVER & set(parents) or len(parents) > _DEPTH:
            continue
        place = tree
        for parent in parents:
            place = place.folders.setdefault(parent, _Tree())
        place.files[last] = (0, 0)
    return tree


def _kinds(tree: _Tree) -> Iterator[str]:
    """What of the assignment is directly in a folder."""
    if CONFIG_NAME in tree.files or any(CONFIG_NAME in tree.folders[name].files for name in _config_folders(tree)):
        yield "config"
    if "_spark_metadata" in tree.folders or any(name.endswith(PARQUET_SUFFIXES) for name in tree.files):
        yield "lake"
    if tree.folders.keys() >= {"offsets", "commits"}:
        yield "checkpoint"
    if any(_PROGRAM.fullmatch(name) for name in tree.files):
        yield "programs"
    if any(_STATE.fullmatch(name) for name in tree.files):
        yield "state"


def _config_folders(tree: _Tree) -> list[str]:
    return [name for name in _CONFIG_FOLDERS if name in tree.folders]


def _is_project(tree: _Tree) -> bool:
    """Whether a folder is a submission by what is directly in it."""
    return len(_USUAL_FOLDERS & tree.folders.keys()) > 1 or next(_kinds(tree), None) is not None


def _has_evidence(tree: _Tree) -> bool:
    return any(_is_project(folder) or folder.archives for folder in tree.walk())


def _is_whole(tree: _Tree) -> bool:
    """Whether a folder could be the whole work of a student, and not just a part of it."""
    kinds = {kind for folder in tree.walk() for kind in _kinds(folder)}
    return "config" in kinds or len(kinds) > 1


def _is_whole_archive(path: Path) -> bool:
    try:
        return _is_whole(_tree_of_names(entry_names(path)))
    except ArchiveError:
        return True


def _have_different_owners(folders: list[Path]) -> bool:
    """Whether two of the folders have different owners. If one has no owner, each is graded on its own."""
    owners = list[str]()
    for folder in folders:
        owner = owner_of(folder)
        owners += [owner] if owner else []
        if owner is None or are_different(owners):
            return True
    return False


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in _OF_SYSTEMS


def _status_text(path: Path) -> str:
    status = path.stat()
    return json.dumps([path.name, status.st_size, status.st_mtime_ns])


def _sha(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _with_folders(found: list[Found]) -> tuple[Found, ...]:
    """The submissions, each with a folder of results that is unlike all others, also where case does not count."""
    safe = [safe_name(one.folder, one.name) for one in found]
    times = Counter(name.casefold() for name in safe)
    return tuple(
        Found(
            one.path,
            one.name,
            with_hash(name, one.name) if times[name.casefold()] > 1 or name in _OWN_NAMES else name,
            one.fingerprint,
        )
        for one, name in zip(found, safe, strict=True)
    )


def described(discovery: Discovery) -> str:
    """What was found, in a line."""
    others = f", and {counted(len(discovery.others), 'other thing')}" if discovery.others else ""
    return f"{counted(len(discovery.submissions), 'submission')}{others}"
