"""The probe of shared folders in one JVM. tests/pipeline/test_spark_cluster.py has a worker with another disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from configs.program import ProgramError
from configs.settings import load_settings
from consumers import shared_folders
from consumers.shared_folders import PREFIX, SharedFolders, Task, probe
from scripts.pipeline.temporary_stack import write_config

pytestmark = pytest.mark.jvm


@pytest.mark.parametrize("name", ["plain", "a blank", "ümlaut", "[x]{y}*?", "a,b", "100%20"])
def test_the_probe_leaves_nothing_whatever_a_folder_is_called(spark: SparkSession, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "orders"
    assert probe(spark, folder) == {"driver"}
    assert list(tmp_path.iterdir()) == []
    folder.mkdir(parents=True)
    (folder / "part-1.parquet").touch()
    (folder / f"{PREFIX}of-a-program-that-was-killed").mkdir()
    probe(spark, folder)
    assert [path.name for path in folder.iterdir()] == ["part-1.parquet"]


def test_the_probe_gives_spark_its_setting_back(spark: SparkSession, tmp_path: Path) -> None:
    key = "spark.sql.files.maxPartitionBytes"
    before = spark.conf.get(key)
    probe(spark, tmp_path)
    assert spark.conf.get(key) == before


def test_an_executor_whose_file_does_not_appear_is_refused(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Task(0, "3", "10.0.0.7", "what it writes there does not appear here")
    monkeypatch.setattr(shared_folders, "_read_and_write", lambda *_: [elsewhere])
    with pytest.raises(ProgramError, match=r"Executor 3 on 10.0.0.7 does not share the folder .*local\[2\]\.$"):
        probe(spark, tmp_path)
    with pytest.raises(ProgramError, match=r"Batches may have run there before this was found"):
        probe(spark, tmp_path, is_late=True)
    assert list(tmp_path.iterdir()) == []


def test_an_executor_that_was_lost_meanwhile_is_not_refused(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Task(0, "3", "10.0.0.7", "ExecutorLostFailure (executor 3 exited)")
    answers = iter([[lost], [Task(0, "4", "10.0.0.8", "")]])
    monkeypatch.setattr(shared_folders, "_read_and_write", lambda *_: next(answers))
    assert probe(spark, tmp_path) == {"4"}


def test_without_a_cluster_nothing_is_asked(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(write_config(tmp_path / "x", {}, "2025test01"), environment={})
    monkeypatch.setattr(shared_folders, "executors", lambda _: pytest.fail("asked"))
    SharedFolders(spark, settings).check()
