"""Where a running pipeline stands, and when everything has arrived."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from configs.contract import UTC, LakeFileRecord
from configs.quarantine_position import read_position
from configs.settings import Settings, load_settings
from grader.builder import CHECKPOINT, CONFIG, LAKE, STATE, Submission
from scripts.pipeline import position
from scripts.pipeline.position import StreamPosition

NEWEST = datetime(2025, 11, 19, 12, 24, 20, 123456, tzinfo=UTC)  # of a new submission, whose state is there
ENDS = {0: 7, 1: 7, 2: 6}


@pytest.fixture
def submission(tmp_path: Path) -> Submission:
    return Submission(tmp_path / "home")


def settings_of(submission: Submission) -> Settings:
    return load_settings(submission.build() / CONFIG, environment={})


def test_where_a_pipeline_stands(submission: Submission) -> None:
    settings = settings_of(submission)
    files = position.lake_files(settings)
    assert [file.rows for file in files] == [10, 5, 5] or sum(file.rows for file in files) == 20
    assert isinstance(files[0], LakeFileRecord)
    assert len(files[0].sha256) == 64
    assert position.lake_rows(settings) == 20
    assert position.lake_ids(settings) == frozenset(range(1, 21))
    assert position.lake_stream(settings).planned == position.lake_stream(settings).finished == 2
    assert position.lake_stream(settings).ends == {0: 7, 1: 7, 2: 6}
    assert position.state_text(settings) == "2025-11-19T12:24:20.123456Z"


def test_where_a_pipeline_stands_before_anything_ran(tmp_path: Path) -> None:
    submission = Submission(tmp_path)
    submission.build()
    config = (tmp_path / CONFIG).read_text()
    empty = tmp_path / "empty" / "configs" / "orders_stream.yml"
    empty.parent.mkdir(parents=True)
    empty.write_text(config)
    settings = load_settings(empty, environment={})
    assert position.lake_files(settings) == ()
    assert position.lake_rows(settings) == 0
    assert position.lake_ids(settings) == frozenset()
    assert position.lake_stream(settings).planned is position.lake_stream(settings).finished is None
    assert position.lake_stream(settings).ends == {}
    assert position.state_text(settings) is None


def test_what_is_half_written_is_not_there_yet(submission: Submission) -> None:
    submission.edit(lambda root: min((root / LAKE).glob("date=2025-11-19/*.parquet")).write_bytes(b"PAR1"))
    submission.write(f"{CHECKPOINT}/offsets/3", "")
    submission.write(STATE, "")
    settings = settings_of(submission)
    assert position.lake_rows(settings) == 15
    assert position.lake_ids(settings) == frozenset(range(1, 16))
    assert len(position.lake_files(settings)) == 2
    assert position.lake_stream(settings).planned == 3
    assert position.state_text(settings) == ""


def test_everything_has_arrived(submission: Submission) -> None:
    assert position.is_settled(settings_of(submission), NEWEST, ENDS)


@pytest.mark.parametrize(
    ("newest", "ends"),
    [
        (NEWEST + timedelta(microseconds=1), ENDS),
        (NEWEST, {**ENDS, 2: 7}),
        (NEWEST, {**ENDS, 3: 0}),
    ],
    ids=["a row that is not published", "a message that is not read", "a partition that is not read"],
)
def test_something_has_not_arrived(submission: Submission, newest: datetime, ends: dict[int, int]) -> None:
    assert not position.is_settled(settings_of(submission), newest, ends)


def test_a_state_cut_to_seconds_counts_within_the_tolerance(submission: Submission) -> None:
    submission.write(STATE, "2025-11-19 12:24:20")
    settings = settings_of(submission)
    assert not position.is_published(settings, NEWEST)
    assert position.is_published(settings, NEWEST, timedelta(seconds=1))


def test_a_batch_in_flight_is_not_read(submission: Submission) -> None:
    submission.remove(f"{CHECKPOINT}/commits/2")
    assert not position.is_read(settings_of(submission), ENDS)


def test_an_empty_topic_is_read_before_the_first_batch() -> None:
    nothing = StreamPosition(None, None, {})
    assert nothing.has_finished({0: 0, 1: 0})
    assert not nothing.has_finished({0: 1, 1: 0})


def test_a_quarantine_that_is_behind_is_waited_for_where_it_is_kept(submission: Submission) -> None:
    settings = settings_of(submission)
    folder = Path(settings.streaming.quarantine_checkpoint_location)
    kept = read_position(folder)
    assert kept is not None
    replace(kept, ends={**kept.ends, 1: 6}).store(folder)
    assert not position.is_settled(settings, NEWEST, ENDS)
    assert position.is_settled(settings, NEWEST, ENDS, with_quarantine=False)
    kept.store(folder)
    assert position.is_settled(settings, NEWEST, ENDS)


def test_a_quarantine_of_a_second_stream_is_waited_for_too(submission: Submission) -> None:
    settings = settings_of(submission)
    folder = Path(settings.streaming.quarantine_checkpoint_location)
    shutil.rmtree(folder)
    assert position.is_settled(settings, NEWEST, ENDS)
    for name in ("offsets", "commits"):
        (folder / name).mkdir(parents=True)
    assert not position.is_settled(settings, NEWEST, ENDS)
