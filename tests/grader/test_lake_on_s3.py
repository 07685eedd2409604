"""A lake on S3 is graded as the same lake on a disk. S3 itself is played by a folder; tests/pipeline has a real one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pyarrow import fs

from configs import storage
from configs.settings import S3, SettingsError, load_settings
from configs.storage import Keys, S3Path, StorageError, StorageUnreachableError, keys_of, lake_place, require_answer
from grader.api import grade
from grader.builder import CONFIG, LAKE, QUARANTINE, Submission
from grader.model import Report, Status

BUCKET = "food-delivery"
SETTINGS = S3(endpoint="http://127.0.0.1:9000", access_key="key", secret_key="secret")


@pytest.fixture
def submission(tmp_path: Path) -> Submission:
    return Submission(tmp_path / "asha")


@pytest.fixture
def buckets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose folders are the buckets of every S3."""
    folder = tmp_path / "buckets"
    folder.mkdir()
    played = fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem())
    monkeypatch.setattr(storage, "filesystem", lambda s3: played)
    return folder


@pytest.fixture
def no_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(s3: S3) -> fs.FileSystem:
        raise AssertionError(f"S3 at {s3.endpoint} was asked")

    monkeypatch.setattr(storage, "filesystem", refuse)


def moved_to_s3(root: Path, buckets: Path) -> Path:
    """Move a submission's lake and quarantine into a bucket, as Spark would have written them there."""
    config = root / CONFIG
    text = config.read_text(encoding="utf-8")
    for folder in (LAKE, QUARANTINE):
        if not (root / folder).exists():
            continue
        shutil.move(root / folder, buckets / BUCKET / folder)
        for checksum in (buckets / BUCKET / folder).rglob(".*.crc"):
            checksum.unlink()
        for log in (buckets / BUCKET / folder).glob("_spark_metadata/*"):
            log.write_text(
                log.read_text(encoding="utf-8").replace((root / folder).as_uri(), f"s3a://{BUCKET}/{folder}")
            )
    assert f"path: {LAKE}\n" in text
    text = text.replace(f"path: {LAKE}\n", f"path: s3a://{BUCKET}/{LAKE}\n")
    text = text.replace(f"path: {QUARANTINE}\n", f"path: s3a://{BUCKET}/{QUARANTINE}\n")
    config.write_text(f"{text}s3:\n  endpoint: http://127.0.0.1:9000\n  access_key: key\n  secret_key: secret\n")
    return config


def own(config: Path) -> Report:
    with grade(None, config=config, database="off") as graded:
        return graded.report


def statuses(report: Report) -> dict[str, Status]:
    return {finding.id: finding.status for finding in report.findings}


def test_it_gets_the_verdicts_of_the_same_lake_on_a_disk(submission: Submission, buckets: Path) -> None:
    submission.add_round_3()
    root = submission.build()
    on_disk = statuses(own(root / CONFIG))
    assert on_disk["lake_untouched"] is Status.PASS
    report = own(moved_to_s3(root, buckets))
    assert statuses(report) == {**on_disk, "lake_untouched": Status.SKIP}
    assert not any("moved" in line for line in report.assumptions)


def test_its_mistakes_are_found(submission: Submission, buckets: Path) -> None:
    submission.append_batch(submission.rows[-5:])
    config = moved_to_s3(submission.build(), buckets)
    assert statuses(own(config))["no_duplicate_orders"] is Status.FAIL
    first = min((buckets / BUCKET / LAKE).glob("date=*/*.parquet"))
    first.write_bytes(first.read_bytes()[:-20])
    assert statuses(own(config))["lake_readable"] is Status.FAIL


@pytest.mark.usefixtures("no_requests")
def test_an_address_that_only_a_submission_names_is_never_asked(submission: Submission, tmp_path: Path) -> None:
    root = submission.build()
    moved_to_s3(root, tmp_path / "buckets")
    with grade(root, database="off") as graded:
        report = graded.report
    assert statuses(report)["lake_readable"] is Status.FAIL
    assert any(
        "is on S3, and nothing asks an address that only a submission names" in line for line in report.assumptions
    )
    assert Status.ERROR not in statuses(report).values()


def test_it_is_asked_if_the_grader_names_it(submission: Submission, buckets: Path, tmp_path: Path) -> None:
    config = moved_to_s3(submission.build(), buckets)
    with grade(submission.folder, config=config, database="off") as graded:
        assert statuses(graded.report)["lake_readable"] is Status.PASS


def test_a_store_that_does_not_answer_is_no_empty_lake(submission: Submission, tmp_path: Path) -> None:
    config = moved_to_s3(submission.build(), tmp_path / "buckets")
    text = config.read_text(encoding="utf-8").replace(":9000", ":1")
    config.write_text(text, encoding="utf-8")
    with pytest.raises(StorageUnreachableError, match=r"S3 at http://127\.0\.0\.1:1 does not answer"):
        own(config)


def test_a_bucket_that_is_not_there(submission: Submission, buckets: Path) -> None:
    config = moved_to_s3(submission.build(), buckets)
    shutil.rmtree(buckets / BUCKET)
    with pytest.raises(StorageError, match=f"has no bucket {BUCKET}"):
        require_answer(lake_place(load_settings(config)))


def test_a_path_on_s3(buckets: Path) -> None:
    lake = S3Path(BUCKET, "a/lake", SETTINGS)
    assert not lake.exists()
    assert list(lake.iterdir()) == []
    (buckets / BUCKET / "a/lake/date=2025-11-18").mkdir(parents=True)
    (buckets / BUCKET / "a/lake/date=2025-11-18/part-1").write_bytes(b"rows")
    (buckets / BUCKET / "a/lake/rejected-1").write_bytes(b"")
    assert str(lake) == "s3a://food-delivery/a/lake"
    assert "secret" not in f"{lake!r} {SETTINGS!r} {keys_of(SETTINGS)!r}"
    assert lake.is_dir()
    assert sorted(path.name for path in lake.iterdir()) == ["date=2025-11-18", "rejected-1"]
    assert [str(path) for path in lake.glob("rejected-*")] == ["s3a://food-delivery/a/lake/rejected-1"]
    assert sorted(lake.walk()) == [("date=2025-11-18", None), ("date=2025-11-18/part-1", 4), ("rejected-1", 0)]
    part = lake / "date=2025-11-18/part-1"
    assert (part.read_text(), part.stat().st_size) == ("rows", 4)
    part.move(lake / "date=2025-11-18/part-2")
    assert not part.is_file()
    with pytest.raises(FileNotFoundError):
        part.stat()
    lake.delete_tree()
    assert not (buckets / BUCKET / "a/lake").exists()
    assert (buckets / BUCKET / "a").exists()


def test_keys_of_the_environment() -> None:
    bare = S3(endpoint="http://127.0.0.1:9000")
    with pytest.raises(SettingsError, match="There are no keys for S3"):
        keys_of(bare, {"AWS_ACCESS_KEY_ID": "mine"})
    theirs = {"AWS_ACCESS_KEY_ID": "mine", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
    assert keys_of(bare, theirs).environment() == theirs
    assert keys_of(SETTINGS, theirs) == Keys("key", "secret")
