"""Submissions as archives: what is unpacked, what is left out, and what is refused."""

from __future__ import annotations

import errno
import io
import json
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from grader import archive
from grader.__main__ import main
from grader.archive import ArchiveError, ArchiveLimits, archives_in, opened, stem
from grader.builder import Submission


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Submission(tmp_path / "work" / "2025em1100471" / "food_delivery_streaming" / "local").build()


def zipped(folder: Path, target: Path) -> Path:
    return Path(shutil.make_archive(str(target), "zip", folder))


def tarred(folder: Path, target: Path) -> Path:
    return Path(shutil.make_archive(str(target), "gztar", folder))


def zip_in_zip(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target.with_suffix(".zip"), "w") as outer:
        outer.write(zipped(folder, target.with_name("inner")), "hand-in/inner.zip")
    return target.with_suffix(".zip")


def tar_in_zip_in_folder(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target.with_suffix(".zip"), "w") as outer:
        outer.write(tarred(folder, target.with_name("inner")), "inner.tar.gz")
    (target / "student" / "late").mkdir(parents=True)
    shutil.move(target.with_suffix(".zip"), target / "student" / "late" / "my work.zip")
    (target / "student" / "note.txt").write_text("sorry")
    return target


@pytest.mark.parametrize("pack", [zipped, tarred, zip_in_zip, tar_in_zip_in_folder])
def test_any_packing_is_graded_the_same(
    pack: Callable[[Path, Path], Path],
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = pack(folder.parents[2], tmp_path / "handed_in")
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(unpacked))
    assert main(["grade", str(root), "--out", str(tmp_path / "out"), "--database", "off"]) == 0, capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["verdict"] == "pass"
    assert report["facts"]["rows"] == 20
    assert report["submission"] == "handed_in"
    assert str(unpacked) not in json.dumps(report)
    assert not list(unpacked.iterdir())


def test_the_report_lies_beside_the_archive(folder: Path, tmp_path: Path) -> None:
    assert main(["grade", str(zipped(folder, tmp_path / "x1")), "--database", "off"]) == 0
    assert (tmp_path / "x1-reports" / "report.json").is_file()


def test_names_that_lead_out_are_left_out(tmp_path: Path) -> None:
    archive = tmp_path / "evil.zip"
    link = zipfile.ZipInfo("passwd")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "w") as evil:
        for name in (
            "../up.txt",
            "/abs.txt",
            "a/../../b.txt",
            "..\\windows.txt",
            "C:/drive.txt",
            "fine.txt",
        ):
            evil.writestr(name, "x")
        evil.writestr(link, "/etc/passwd")
    with opened([archive]) as submission:
        assert [path.name for path in submission.folder.rglob("*")] == ["fine.txt"]
        assert submission.notes == ("archive: 6 entries left out (links, or names that lead out of the archive)",)


def test_links_and_devices_of_a_tar_are_left_out(tmp_path: Path) -> None:
    archive = tmp_path / "evil.tar.gz"
    with tarfile.open(archive, "w:gz") as evil:
        for name, kind in (
            ("a", tarfile.SYMTYPE),
            ("b", tarfile.LNKTYPE),
            ("c", tarfile.FIFOTYPE),
            ("d", tarfile.CHRTYPE),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            evil.addfile(entry)
        entry = tarfile.TarInfo("a/../../e")
        entry.size = 1
        evil.addfile(entry, io.BytesIO(b"x"))
    with opened([archive]) as submission:
        assert list(submission.folder.rglob("*")) == []


def bomb_in_bytes(target: Path) -> None:
    with zipfile.ZipFile(target, "w") as bomb:
        for n in range(3):
            bomb.writestr(f"{n}", bytes(2_000_000))


def bomb_in_ratio(target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("zeros", bytes(3_000_000))


def bomb_in_entries(target: Path) -> None:
    with zipfile.ZipFile(target, "w") as bomb:
        for n in range(60):
            bomb.writestr(f"{n}", b"")


@pytest.mark.parametrize(
    ("make", "message"),
    [(bomb_in_bytes, "more than 4 MiB"), (bomb_in_ratio, "than 200 times its size"), (bomb_in_entries, "50 entries")],
)
def test_bombs(make: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    make(tmp_path / "bomb.zip")
    limits = ArchiveLimits(max_bytes=4 << 20, max_entries=50, free_bytes=1 << 20)
    with opened([tmp_path / "bomb.zip"], limits) as submission:  # what came before the limit is graded
        assert message in submission.notes[0]
        assert sum(path.stat().st_size for path in submission.folder.rglob("*") if path.is_file()) <= 4 << 20


def test_a_tar_header_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = tarfile.XHDTYPE, 1 << 30
    (tmp_path / "x.tar").write_bytes(entry.tobuf() + bytes(1024))
    with pytest.raises(ArchiveError, match="has an invalid header"), opened([tmp_path / "x.tar"]):
        pass


def test_archives_in_one_another_end(tmp_path: Path) -> None:
    content = b""
    for _ in range(6):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as outer:
            outer.writestr("deeper.zip" if content else "end.txt", content or b"end")
        content = buffer.getvalue()
    (tmp_path / "0.zip").write_bytes(content)
    with opened([tmp_path / "0.zip"]) as submission:
        assert "deeper than 3 archives" in submission.notes[0]


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\5\6" + bytes(18), b"\x1f\x8b", bytes(2000)])
@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "x.tar", "x.tar.xz", "x.tar.bz2"])
def test_damaged_archives_get_a_report(
    name: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert main(["grade", str(tmp_path / name), "--database", "off", "--out", str(tmp_path / "out")]) == 1
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["verdict"], report["score"], report["submission"]) == ("fail", 0, "x")
    (said,) = [check["actual"] for check in report["checks"] if check["id"] == "config_valid"]
    assert f"{name} is damaged" in said or "there is no orders_stream.yml" in said
    assert "Traceback" not in capsys.readouterr().err


def test_a_full_disk_is_not_a_damaged_archive(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive, "_write", fail)
    assert main(["grade", str(zipped(folder, tmp_path / "x1")), "--database", "off"]) == 2
    assert "cannot be unpacked here (No space left on device)" in capsys.readouterr().err
    assert not (tmp_path / "x1-reports").exists()


def test_a_file_that_is_no_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.rar").write_bytes(b"Rar!")
    assert main(["grade", str(tmp_path / "x.rar")]) == 2
    assert "neither a folder nor an archive (.zip, .tar.gz" in capsys.readouterr().err


def test_names(tmp_path: Path) -> None:
    assert [stem(Path(name)) for name in ("a.b.tar.gz", "A.ZIP", ".zip")] == ["a.b", "A", ""]
    (tmp_path / "x").mkdir()
    for name in ("x/1.ZIP", "2.tgz", "3.txt", "._4.zip"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in archives_in(tmp_path)] == ["2.tgz", "1.ZIP"]
