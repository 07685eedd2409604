"""Writes the small class of classroom.yml as an instructor gets it: folders and archives with names of an LMS."""

from __future__ import annotations

import io
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

HERE = Path(__file__).parent
_ROLLNUMBER = re.compile(r"2025em1100\d{3}")  # of a tree


class Change(BaseModel):
    """Replace `old`, which must be in the file exactly once, by `new`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    old: str
    new: str


class Sample(BaseModel):
    """One submission of the class, and what grading it must find; None and () for what does not matter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tree: str
    handed_in: str
    rollnumber: str
    change: tuple[Change, ...] = ()
    write: dict[str, str] = Field(default_factory=dict)
    remove: tuple[str, ...] = ()
    windows: bool = False
    verdict: Literal["pass", "fail", "error"] | None = None
    score: str | None = None
    failed: tuple[str, ...] = ()
    producer: str | None = None
    consumer: str | None = None
    note: str | None = None
    short: bool = False


def samples() -> dict[str, Sample]:
    """All of classroom.yml: name -> sample."""
    values = yaml.safe_load((HERE / "classroom.yml").read_text(encoding="utf-8"))
    return {name: Sample.model_validate(value) for name, value in values.items()}


def build_class(folder: Path, chosen: Collection[Sample]) -> None:
    """Write the chosen submissions into the folder of a class."""
    for sample in chosen:
        with tempfile.TemporaryDirectory() as temporary:
            tree = Path(temporary) / "food_delivery_streaming"
            _write_tree(sample, tree)
            target = folder / sample.handed_in
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.suffix == ".zip":
                target = target.with_name(target.name.removesuffix(".zip.zip").removesuffix(".zip") + ".zip")
                packed = _zipped(tree)
                target.write_bytes(_zip_of("work.zip", packed) if sample.handed_in.endswith(".zip.zip") else packed)
            elif target.name.endswith(".tar.gz"):
                with tarfile.open(target, "w:gz") as archive:
                    archive.add(tree, tree.name)
            else:
                shutil.copytree(tree, target)


def _write_tree(sample: Sample, tree: Path) -> None:
    shutil.copytree(HERE / sample.tree, tree, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [path for path in tree.rglob("*") if path.is_file()]:
        text = path.read_text(encoding="utf-8")
        path.write_text(_ROLLNUMBER.sub(sample.rollnumber, text), encoding="utf-8")
    for change in sample.change:
        path = tree / change.file
        text = path.read_text(encoding="utf-8")
        if text.count(change.old) != 1:
            raise ValueError(f"{change.file} has {change.old!r} {text.count(change.old)} times")
        path.write_text(text.replace(change.old, change.new), encoding="utf-8")
    for name, text in sample.write.items():
        (tree / name).write_text(text, encoding="utf-8")
    for name in sample.remove:
        (tree / name).unlink()
    if sample.windows:
        for path in (path for path in tree.rglob("*") if path.is_file()):
            mark = b"\xef\xbb\xbf" if path.suffix == ".yml" else b""
            path.write_bytes(mark + path.read_bytes().replace(b"\n", b"\r\n"))


def _zipped(tree: Path) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(tree.rglob("*")):
            archive.write(path, path.relative_to(tree.parent))
    return stream.getvalue()


def _zip_of(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, content)
    return stream.getvalue()
