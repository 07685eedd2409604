"""The quarantine is complete up to its position, and has each rejected message once, wherever it was interrupted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

from configs.program import ProgramError
from configs.quarantine_position import Ends, QuarantinePosition, read_position
from configs.settings import Settings, load_settings
from consumers.quarantine import Quarantine
from scripts.pipeline.temporary_stack import write_config

pytestmark = pytest.mark.jvm


class Topic(Quarantine):
    """A quarantine of a topic in which every message of partition 0 with an even offset is rejected."""

    def _rejected(self, begin: Ends, end: Ends) -> DataFrame:
        offsets = [at for at in range(begin.get(0, 0), end.get(0, 0)) if at % 2 == 0]
        rows = [("odd", "topic", 0, at, str(at), None) for at in offsets]
        return self._spark.createDataFrame(
            rows, "reason string, topic string, partition int, offset long, raw string, bytes binary"
        )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(write_config(tmp_path, {}, "2025test01"), environment={})


@pytest.fixture
def opened(spark: SparkSession, settings: Settings) -> Callable[[], Topic]:
    def open_() -> Topic:
        quarantine = Topic(spark, settings)
        quarantine.open("the id")
        return quarantine

    return open_


def kept(settings: Settings) -> list[int]:
    files = sorted(Path(settings.datalake.quarantine_path).glob("*.parquet"))
    return [offset for file in files for offset in pq.ParquetFile(file).read().column("offset").to_pylist()]


def stored(settings: Settings) -> QuarantinePosition:
    position = read_position(Path(settings.streaming.quarantine_checkpoint_location))
    assert position is not None
    return position


def test_a_batch_without_rejects_is_not_read(opened: Callable[[], Topic], settings: Settings) -> None:
    opened().cover({0: 10, 1: 4}, 0)
    assert (stored(settings).ends, kept(settings)) == ({0: 10, 1: 4}, [])


def test_a_batch_with_rejects_is_read_once(opened: Callable[[], Topic], settings: Settings) -> None:
    quarantine = opened()
    for _ in range(2):
        quarantine.cover({0: 5}, 3)
    quarantine.cover({0: 9}, 2, begin={0: 5})
    assert kept(settings) == [0, 2, 4, 6, 8]
    assert (stored(settings).ends, stored(settings).files) == ({0: 9}, 2)


def test_what_came_before_a_batch_and_was_not_counted_is_read_too(
    opened: Callable[[], Topic], settings: Settings
) -> None:
    opened().cover({0: 9}, 0, begin={0: 5})
    assert kept(settings) == [0, 2, 4, 6, 8]


def test_an_uncounted_batch_without_rejects_leaves_no_file(opened: Callable[[], Topic], settings: Settings) -> None:
    opened().cover({0: 0, 1: 7})
    assert (stored(settings).ends, stored(settings).files, kept(settings)) == ({1: 7}, 0, [])


@pytest.mark.parametrize("point", ["plan", "rename"])
def test_a_file_that_a_crash_interrupted_is_written_again_and_no_other(
    opened: Callable[[], Topic], settings: Settings, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quarantine, store = opened(), QuarantinePosition.store

    def crash(position: QuarantinePosition, folder: Path) -> None:
        if point == "plan":
            store(position, folder)
        if point == "plan" or position.next_file is None:
            raise KeyboardInterrupt
        store(position, folder)

    monkeypatch.setattr(QuarantinePosition, "store", crash)
    with pytest.raises(KeyboardInterrupt):
        quarantine.cover({0: 5}, 3)
    monkeypatch.undo()
    assert kept(settings) == ([] if point == "plan" else [0, 2, 4])
    again = opened()
    assert kept(settings) == [0, 2, 4]
    again.cover({0: 5})
    again.cover({0: 7}, 1, begin={0: 5})
    assert kept(settings) == [0, 2, 4, 6]
    for _ in range(2):
        opened().cover({0: 7})
    assert kept(settings) == [0, 2, 4, 6], "the file of the crash is forgotten"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda lake, _: next(lake.glob("rejected-*")).unlink(), "has 0 files, and its position counts 1"),
        (lambda _, at: (at / "quarantine_position.json").unlink(), "has no quarantine_position.json"),
        (lambda _, at: (at / "quarantine_position.json").write_text(""), "cannot be read"),
        (lambda _, at: (at / "quarantine_position.json").write_text("[1]"), "cannot be read"),
        (lambda _, at: QuarantinePosition("topic", "another id").store(at), "is of another topic"),
    ],
    ids=["file deleted", "position deleted", "position empty", "position of another kind", "topic recreated"],
)
def test_a_quarantine_that_does_not_fit_is_refused(
    opened: Callable[[], Topic], settings: Settings, damage: Callable[[Path, Path], object], said: str
) -> None:
    opened().cover({0: 5}, 3)
    damage(Path(settings.datalake.quarantine_path), Path(settings.streaming.quarantine_checkpoint_location))
    with pytest.raises(ProgramError, match=said):
        opened()
