"""The readers of evidence, each by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from configs.settings import Settings, load_settings
from grader.builder import CHECKPOINT, CONFIG, LAKE, MOMENT, Submission, order
from grader.evidence.checkpoint import Checkpoint
from grader.evidence.checksum import checksums, is_stale, sidecar, without_sidecar
from grader.evidence.lake import Lake, LakeFile
from grader.evidence.sink_log import path_in_lake, read_sink_log


@pytest.fixture
def submission(tmp_path: Path) -> Submission:
    return Submission(tmp_path / "home")


def settings_of(submission: Submission) -> Settings:
    return load_settings(submission.build() / CONFIG, environment={})


def test_checksum_is_hadoops() -> None:
    # The metadata file and its sidecar that Spark 3.5.1 left on 2026-11-24.
    content = b'{"id":"54305240-2884-442b-a235-5b45acdff09e"}'
    assert checksums(content) == b"crc\0\x00\x00\x02\x00\x11\x90\xe7\xe0"


def test_checksum_of_several_chunks_and_of_nothing(tmp_path: Path) -> None:
    assert len(checksums(b"x" * 1025)) == 8 + 3 * 4
    path = tmp_path / "0"
    path.write_bytes(b"")
    assert not is_stale(tmp_path, path.name)
    (tmp_path / ".0.crc").write_bytes(b"crc")
    assert is_stale(tmp_path, path.name)


def test_line_ends_of_windows_are_no_edit_and_an_edit_under_them_is(tmp_path: Path) -> None:
    path = tmp_path / "0"
    sidecar(path).write_bytes(checksums(b'v1\n{"a":1}'))
    for content, stale in ((b'v1\r\n{"a":1}', False), (b'v1\r\n{"a":2}', True), (b'v1\r\n{"a":1}\0', True)):
        path.write_bytes(content)
        assert is_stale(tmp_path, path.name) == stale


def test_a_sidecar_is_missed_where_all_others_are_there(tmp_path: Path) -> None:
    names = ["a/0", "a/1", "a/2", "b/0"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert without_sidecar(tmp_path, names) == frozenset()
    sidecar(tmp_path / "a/0").touch()
    sidecar(tmp_path / "a/1").touch()
    assert without_sidecar(tmp_path, names) == {"a/2"}
    sidecar(tmp_path / "a/2").touch()
    assert without_sidecar(tmp_path, [*names, "a/gone"]) == {"b/0"}
    sidecar(tmp_path / "a/2").unlink()
    sidecar(tmp_path / "a/1").unlink()
    assert without_sidecar(tmp_path, names) == frozenset()


def test_latest_compact_file_and_later_ones_make_the_log(submission: Submission) -> None:
    for order_id in range(21, 33):
        submission.append_batch([order(order_id, MOMENT)])
    root = submission.build()
    lake = Lake(root / LAKE)
    assert {path.name for path in (root / LAKE / "_spark_metadata").glob("[0-9]*")} >= {"8", "9.compact", "10"}
    assert len(lake.files) == 3 + 12
    assert lake.figures.rows == 32
    assert lake.log is not None
    assert lake.log.last_batch == 14


def test_log_files_before_the_compact_one_are_not_read(submission: Submission) -> None:
    for order_id in range(21, 33):
        submission.append_batch([order(order_id, MOMENT)])
    submission.write(f"{LAKE}/_spark_metadata/3", "half")
    lake = Lake(submission.build() / LAKE)
    assert lake.log is not None
    assert lake.log.problems == ()


def test_deleted_entries_of_the_log_do_not_count(tmp_path: Path) -> None:
    folder = tmp_path / "_spark_metadata"
    folder.mkdir()
    line = {"path": "file:///a/date=1/x.parquet", "size": 1, "action": "add"}
    (folder / "0").write_text("v1\n" + json.dumps(line))
    (folder / "1").write_text("v1\n" + json.dumps({**line, "action": "delete"}))
    log = read_sink_log(tmp_path)
    assert log is not None
    assert log.files == ()


@pytest.mark.parametrize(
    ("logged", "expected"),
    [
        ("/lake/date=2025-11-18/a.parquet", "date=2025-11-18/a.parquet"),
        ("/old/place/date=2025-11-18/a.parquet", "date=2025-11-18/a.parquet"),
        ("/old/run=3/date=2025-11-18/a.parquet", "date=2025-11-18/a.parquet"),
        ("/old/date=2025-11-18/gone.parquet", "date=2025-11-18/gone.parquet"),
        ("/old/flat.parquet", "flat.parquet"),
    ],
)
def test_logged_paths_of_a_moved_lake(logged: str, expected: str) -> None:
    listing = {"date=2025-11-18/a.parquet", "flat.parquet"}
    assert path_in_lake(logged, listing, Path("/lake")) == expected


def test_spaces_in_the_path_of_a_lake(tmp_path: Path) -> None:
    submission = Submission(tmp_path / "my home %20 é")
    submission.build()
    assert submission.evidence().lake.missing == ()


def test_day_is_that_of_the_date_folder() -> None:
    assert LakeFile("region=x/date=2025-11-18/a.parquet", 1, None).day == "2025-11-18"
    assert LakeFile("day=2025-11-18/a.parquet", 1, None).day == "2025-11-18"
    assert LakeFile("a.parquet", 1, None).day is None


def test_checkpoint_of_a_running_query(submission: Submission) -> None:
    checkpoint = Checkpoint(submission.build() / CHECKPOINT)
    assert checkpoint.offset_batches == checkpoint.commit_batches == (0, 1, 2)
    assert checkpoint.offsets[2] == {submission.topic: {0: 7, 1: 7, 2: 6}}
    assert checkpoint.start_offsets == {submission.topic: {0: 0, 1: 0, 2: 0}}
    assert checkpoint.end_offset == 20
    assert checkpoint.problems == checkpoint.stale_checksums == ()


def test_void_source_line_is_no_problem(submission: Submission) -> None:
    submission.write(f"{CHECKPOINT}/offsets/3", "v1\n{}\n-")
    assert Checkpoint(submission.build() / CHECKPOINT).problems == ()


def test_repeats_within_and_over_files(submission: Submission) -> None:
    submission.append_batch([order(20, MOMENT), order(21, MOMENT), order(21, MOMENT)])
    lake = Lake(submission.build() / LAKE)
    found = lake.repeated_ids(limit=1)
    assert found.total == 2
    assert found.rows[0]["order_id"] == 20
    assert str(found.rows[0]["files"]).count(".parquet") == 2
    assert lake.figures.duplicate_rows == 2


@pytest.mark.parametrize("created_at", ["us", "ms", "int96", "string"])
def test_newest_created_at_in_every_type(created_at: str, submission: Submission) -> None:
    submission.types["created_at"] = created_at
    lake = Lake(submission.build() / LAKE)
    expected = "2025-11-19T12:24:20.123000Z" if created_at == "ms" else "2025-11-19T12:24:20.123456Z"
    assert lake.figures.max_created_at == expected
    assert lake.created_at_unit_us == (1000 if created_at == "ms" else 1)
    assert lake.figures.misplaced_rows == 0


def test_a_file_without_rows_says_nothing_of_how_fine_times_are(submission: Submission) -> None:
    def empty(root: Path) -> None:
        first = min((root / LAKE).glob("date=*/*.parquet"))
        pq.write_table(pq.read_table(first, partitioning=None).slice(0, 0), first.with_name("part-9.parquet"))

    submission.types["created_at"] = "ms"
    submission.log = False
    submission.edit(empty)
    submission.build()
    assert len(submission.evidence().lake.files) == 4
    assert submission.evidence().lake.created_at_unit_us == 1000
