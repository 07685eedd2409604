"""Strangers' files are copied as data, within a budget."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from scripts.classroom.data_copy import NOT_HANDED_IN, TooLargeError, copy_data


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "db").mkdir(parents=True)
    (folder / "db" / "orders.sql").write_text("SELECT 1", encoding="utf-8")
    (folder / "orders.py").write_text("print(1)", encoding="utf-8")
    return folder


def copied(source: Path, tmp_path: Path, *, max_bytes: int = 1 << 20, max_files: int = 100) -> tuple[Path, int]:
    target = tmp_path / "target"
    return target, copy_data(source, target, max_bytes=max_bytes, max_files=max_files, without=NOT_HANDED_IN)


def test_links_pipes_and_what_is_no_work_are_left_out(source: Path, tmp_path: Path) -> None:
    (source / "passwd").symlink_to("/etc/passwd")
    (source / "etc").symlink_to("/etc")
    (source / "round").symlink_to(source)
    os.mkfifo(source / "pipe")
    (source / ".git").mkdir()
    (source / ".git" / "config").write_text("x", encoding="utf-8")
    target, left_out = copied(source, tmp_path)
    assert left_out == 4
    assert sorted(path.relative_to(target).as_posix() for path in target.rglob("*")) == [
        "db",
        "db/orders.sql",
        "orders.py",
    ]


def test_names_that_are_no_text_are_copied(source: Path, tmp_path: Path) -> None:
    with open(os.fsencode(source) + b"/\xff\x01" + b"n" * 250, "w") as file:  # noqa: PTH123 - bytes
        file.write("x")
    target, left_out = copied(source, tmp_path)
    assert left_out == 0
    assert os.fsencode("n" * 250) in b"".join(os.fsencode(path) for path in target.iterdir())


def test_a_program_that_may_be_run_by_nobody_else_is_a_plain_file(source: Path, tmp_path: Path) -> None:
    (source / "orders.py").chmod(0o4755)
    target, _ = copied(source, tmp_path)
    assert not (target / "orders.py").stat().st_mode & (stat.S_ISUID | stat.S_IXUSR)


@pytest.mark.parametrize("limit", [{"max_bytes": 10}, {"max_files": 3}])
def test_more_than_is_allowed_is_refused(source: Path, tmp_path: Path, limit: dict[str, int]) -> None:
    with pytest.raises(TooLargeError, match="it has more than"):
        copied(source, tmp_path, **limit)
    assert sum(path.stat().st_size for path in (tmp_path / "target").rglob("*") if path.is_file()) <= 16


def test_a_file_that_grows_or_is_endless_ends_at_the_budget(source: Path, tmp_path: Path) -> None:
    with (source / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TooLargeError):
        copied(source, tmp_path)
