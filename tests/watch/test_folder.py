"""The files of a lake that count, each read once, and only when a folder has changed."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from configs.storage import Place
from grader.builder import LAKE, Submission
from grader.evidence.scan import read_footer
from scripts.watch import folder
from scripts.watch.folder import FolderWatch


class Watched:
    """A lake, its watch, and which files were read. Its folders look as if they had not changed for an hour."""

    def __init__(self, lake: Path) -> None:
        self.lake = lake
        self.reads: list[str] = []
        self._hour_ago = time.time() - 3600
        self.watch: FolderWatch[int] = FolderWatch(self._read)
        self.age()

    def _read(self, folder: Place, path: str) -> int | None:
        self.reads.append(path)
        footer = read_footer(folder, path)
        return None if footer.error else footer.rows

    def age(self) -> None:
        self.set_times(self._hour_ago)

    def set_times(self, seconds: float) -> None:
        for place in (self.lake, *(path for path in self.lake.rglob("*") if path.is_dir())):
            os.utime(place, (seconds, seconds))

    def rows(self) -> int | None:
        found = self.watch.contents(self.lake)
        return None if found is None else sum(count or 0 for count in found.facts.values())

    def a_file(self) -> Path:
        return min(self.lake.glob("date=*/*.parquet"))


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(Submission(tmp_path / "home").build() / LAKE)


def test_every_file_is_read_once(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched.rows() == 20
    first = list(watched.reads)
    assert len(first) == len(set(first)) == len(list(watched.lake.glob("date=*/*.parquet")))
    monkeypatch.setattr(folder, "Lake", None)  # a call would fail
    assert watched.rows() == 20
    assert watched.reads == first


def test_a_new_file_counts_when_the_sink_log_names_it(watched: Watched) -> None:
    assert watched.rows() == 20
    known = list(watched.reads)
    new = watched.a_file().with_name("part-00000-new.c000.snappy.parquet")
    shutil.copy(watched.a_file(), new)
    found = watched.watch.contents(watched.lake)
    assert found is not None
    assert found.lake.orphans == (str(new.relative_to(watched.lake)),)
    log = watched.lake / "_spark_metadata" / "3"
    log.write_text(f'v1\n{{"path":"file://{new}","size":{new.stat().st_size},"action":"add"}}', encoding="utf-8")
    rows = read_footer(new.parent, new.name).rows
    assert watched.rows() == 20 + rows
    assert watched.reads == [*known, str(new.relative_to(watched.lake))]


def test_a_new_date_counts(watched: Watched) -> None:
    shutil.rmtree(watched.lake / "_spark_metadata")
    watched.age()
    assert watched.rows() == 20
    new = watched.lake / "date=2025-12-01"
    new.mkdir()
    assert watched.rows() == 20
    shutil.copy(watched.a_file(), new)
    assert watched.rows() == 20 + read_footer(new, watched.a_file().name).rows


def test_two_changes_at_the_same_time_are_both_seen(watched: Watched) -> None:
    now = time.time()
    watched.set_times(now)
    assert watched.rows() == 20
    hidden = watched.a_file()
    hidden.unlink()
    watched.set_times(now)  # as far as the file system's clock is exact, this is still the same moment
    assert watched.rows() != 20


def test_a_half_written_file_is_tried_again(watched: Watched) -> None:
    file = watched.a_file()
    whole, before = file.read_bytes(), read_footer(file.parent, file.name).rows
    file.write_bytes(whole[:100])
    watched.age()
    assert watched.rows() == 20 - before
    file.write_bytes(whole)
    watched.age()  # nothing but the file itself has changed
    assert watched.rows() == 20


def test_without_a_sink_log_a_file_that_grows_in_place_is_read_again(watched: Watched) -> None:
    shutil.rmtree(watched.lake / "_spark_metadata")
    files = sorted(watched.lake.glob("date=*/*.parquet"), key=lambda path: read_footer(path.parent, path.name).rows)
    watched.age()
    assert watched.rows() == 20
    small, large = (read_footer(path.parent, path.name).rows for path in (files[0], files[-1]))
    files[0].write_bytes(files[-1].read_bytes())
    watched.age()
    assert watched.rows() == 20 - small + large


def test_a_lake_that_is_deleted_and_written_again(watched: Watched, tmp_path: Path) -> None:
    assert watched.rows() == 20
    kept = tmp_path / "kept"
    watched.lake.rename(kept)
    assert watched.rows() is None
    kept.rename(watched.lake)
    assert watched.rows() == 20
