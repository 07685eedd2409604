"""`make clean` and `make reset`: what they remove, and what they must leave."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import fs

from configs import storage
from configs.contract import seen_file, state_file
from configs.settings import load_settings, local_path
from scripts.pipeline import remove
from scripts.pipeline.temporary_stack import temporary_stack, write_config
from scripts.services.stack import Stack


def test_a_temporary_stack_leaves_the_projects_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cache = tmp_path / ".pytest_cache"
    cache.mkdir()
    monkeypatch.setattr(remove, "PROJECT", tmp_path)
    with temporary_stack() as stack:
        remove.clean(stack)
    assert cache.is_dir()


def test_clean_of_the_project_removes_its_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_stack() as stack:
        monkeypatch.setattr(remove, "PROJECT", stack.settings.root)
        cache = stack.settings.root / ".pytest_cache"
        cache.mkdir()
        remove.clean(stack)
        assert not cache.exists()


def test_reset_leaves_nothing_of_the_producer(tmp_path: Path) -> None:
    stack = Stack(load_settings(write_config(tmp_path, {}, "2025em01"), environment={}), services="external")
    state = state_file(local_path(stack.settings.streaming.last_processed_timestamp_location))
    state.parent.mkdir(parents=True)
    for path in (state, seen_file(state)):
        path.touch()
    remove.reset(stack)
    assert not (tmp_path / "state" / "food").exists()


def test_reset_leaves_no_record_of_a_round_or_load(tmp_path: Path) -> None:
    stack = Stack(load_settings(write_config(tmp_path, {}, "2025em01"), environment={}), services="external")
    folder = stack.settings.rounds_folder
    folder.mkdir(parents=True)
    for name in ("round1.json", "round4.json", "load.json"):
        (folder / name).write_text("{}")
    remove.reset(stack)
    assert not (tmp_path / "state" / "food").exists()


def test_reset_removes_the_checkpoint_of_a_consumer_that_ended_before_its_first_batch(tmp_path: Path) -> None:
    stack = Stack(load_settings(write_config(tmp_path, {}, "2025em01"), environment={}), services="external")
    checkpoint = Path(stack.settings.streaming.checkpoint_location)
    checkpoint.mkdir(parents=True)
    (checkpoint / "kafka_topic.json").write_text("{}")
    assert not [line for line in remove.reset(stack) if line.startswith("Left alone")]
    assert not checkpoint.exists()


def test_reset_removes_from_a_bucket_only_what_the_kit_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())  # a folder for each bucket
    monkeypatch.setattr(storage, "filesystem", lambda s3: played)
    on_s3 = {
        "datalake": {"path": "s3a://bucket/asha/orders", "quarantine_path": "s3a://bucket/asha/bad"},
        "s3": {"endpoint": "http://s3.example:9000", "access_key": "key", "secret_key": "secret"},
    }
    stack = Stack(load_settings(write_config(tmp_path, on_s3, "2025em01"), environment={}), services="external")
    for key in ("asha/orders/_spark_metadata/0", "asha/bad/notes.txt", "asha/other", "ravi/orders/_spark_metadata/0"):
        path = tmp_path / "bucket" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    lines = remove.reset(stack)
    assert [line for line in lines if line.startswith("Left alone: s3a://bucket/asha/bad. It has no")]
    bucket = tmp_path / "bucket"
    left = sorted(path.relative_to(bucket).as_posix() for path in bucket.rglob("*") if path.is_file())
    assert left == ["asha/bad/notes.txt", "asha/other", "ravi/orders/_spark_metadata/0"]
