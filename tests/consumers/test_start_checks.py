"""The consumer does not start on a lake and a checkpoint that do not belong together: Spark would skip rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.program import ProgramError
from consumers.start_checks import check_lake


def batches(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("v1\n", encoding="utf-8")


def test_a_deleted_checkpoint_with_a_kept_lake_stops_the_consumer(tmp_path: Path) -> None:
    lake, checkpoint = tmp_path / "lake", tmp_path / "checkpoint"
    batches(lake / "_spark_metadata", "0", "1", ".0.crc")
    with pytest.raises(ProgramError, match=r"batches up to 1, but its checkpoint .* has no batch"):
        check_lake(lake, checkpoint)


def test_a_checkpoint_of_an_earlier_run_stops_the_consumer(tmp_path: Path) -> None:
    lake, checkpoint = tmp_path / "lake", tmp_path / "checkpoint"
    batches(lake / "_spark_metadata", "0", "1", "9.compact")
    batches(checkpoint / "offsets", "0", "1")
    with pytest.raises(ProgramError, match=r"batches up to 9, but its checkpoint .* ends at batch 1"):
        check_lake(lake, checkpoint)


@pytest.mark.parametrize("planned", [("0", "1"), ("0", "1", "2")])
def test_a_lake_that_its_checkpoint_has_planned_is_fine(tmp_path: Path, planned: tuple[str, ...]) -> None:
    batches(tmp_path / "lake" / "_spark_metadata", "0", "1")
    batches(tmp_path / "checkpoint" / "offsets", *planned)
    check_lake(tmp_path / "lake", tmp_path / "checkpoint")


def test_a_first_start_is_fine(tmp_path: Path) -> None:
    check_lake(tmp_path / "lake", tmp_path / "checkpoint")


@pytest.mark.parametrize("logged", [(), ("0",)])
def test_a_deleted_lake_with_a_kept_checkpoint_stops_the_consumer(tmp_path: Path, logged: tuple[str, ...]) -> None:
    lake, checkpoint = tmp_path / "lake", tmp_path / "checkpoint"
    batches(lake / "_spark_metadata", *logged)
    batches(checkpoint / "offsets", "0", "1", "2")
    batches(checkpoint / "commits", "0", "1")
    with pytest.raises(ProgramError, match=r"finished batches up to 1, but its lake .* (has no log|ends at batch 0)"):
        check_lake(lake, checkpoint)


def test_a_crash_between_log_and_commit_is_fine(tmp_path: Path) -> None:
    lake, checkpoint = tmp_path / "lake", tmp_path / "checkpoint"
    batches(lake / "_spark_metadata", "9.compact", "10")
    batches(checkpoint / "offsets", "9", "10")
    batches(checkpoint / "commits", "9")
    check_lake(lake, checkpoint)
