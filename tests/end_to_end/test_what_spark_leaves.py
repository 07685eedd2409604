"""Synthetic submissions against the real thing: what the consumer has left, and what grader/builder.py writes.

Runs after the rounds of test_pipeline.py, on their stack.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.program import ProgramError
from configs.settings import Settings, load_settings, local_path
from consumers.checkpoint_files import last_batch, require_whole_files
from grader.builder import CHECKPOINT, LAKE, QUARANTINE, QUARANTINE_CHECKPOINT, Submission
from scripts.bench.lakes import Plan, build
from scripts.pipeline.temporary_stack import write_config
from scripts.services.stack import Stack
from tests.end_to_end.file_shapes import shapes

pytestmark = pytest.mark.services

# Of the real checkpoint alone: the consumer's own note of the topic's id, and the store of order_ids, in a format of
# RocksDB that nothing reads but Spark.
ONLY_REAL = ("kafka_topic.json", "state/")
# What a short run may not have: the log of a tenth batch, and that of a batch without a row.
NOT_ALWAYS = {"_spark_metadata/<batch>.compact", "_spark_metadata/<batch>"}
COMPACT_INTERVAL = 10


@pytest.fixture(scope="module")
def submission(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Submission(tmp_path_factory.mktemp("made"))
    made.add_round_3()
    for _ in range(COMPACT_INTERVAL):
        made.append_batch([])
    return made.build()


@pytest.mark.parametrize("part", ["lake", "quarantine", "checkpoint", "quarantine's checkpoint"])
def test_the_builder_writes_what_spark_leaves(stack: Stack, submission: Path, part: str) -> None:
    settings = stack.settings
    real, made = {
        "lake": (settings.datalake.path, LAKE),
        "quarantine": (settings.datalake.quarantine_path, QUARANTINE),
        "checkpoint": (settings.streaming.checkpoint_location, CHECKPOINT),
        "quarantine's checkpoint": (settings.streaming.quarantine_checkpoint_location, QUARANTINE_CHECKPOINT),
    }[part]
    found, expected = shapes(submission / made), shapes(local_path(real), but=ONLY_REAL)
    assert expected, "the rounds have left nothing"
    assert {name: shape for name, shape in found.items() if name not in NOT_ALWAYS} == {
        name: shape for name, shape in expected.items() if name not in NOT_ALWAYS
    }
    lake = shapes(submission / LAKE)  # its log has the form of every sink's; a made quarantine has one batch
    logs = {name: (expected[name], found.get(name, set()) | lake[name]) for name in NOT_ALWAYS & set(expected)}
    assert {name: real - made for name, (real, made) in logs.items() if real - made} == {}


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "missing": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_file_that_spark_needs_is_looked_at_before_a_start(stack: Stack, tmp_path: Path, damage: str) -> None:
    """A real lake and checkpoint, each of the needed files damaged in turn."""
    settings = stack.settings
    lake, checkpoint = tmp_path / "lake", tmp_path / "checkpoint"
    shutil.copytree(local_path(settings.datalake.path), lake)
    shutil.copytree(local_path(settings.streaming.checkpoint_location), checkpoint)
    require_whole_files(lake, checkpoint)
    last = last_batch(checkpoint / "commits")
    assert last is not None
    assert last >= COMPACT_INTERVAL - 1, "too few batches for a compact log"
    compact = max(int(path.stem) for path in (lake / "_spark_metadata").glob("[0-9]*.compact"))
    needed = [
        *(checkpoint / "offsets" / str(batch) for batch in (last - 1, last)),
        checkpoint / "commits" / str(last),
        lake / "_spark_metadata" / f"{compact}.compact",
        *(lake / "_spark_metadata" / str(batch) for batch in range(compact + 1, last + 1)),
        *_files_of_the_store(checkpoint, last + 1),
    ]
    for path in needed:
        if path.suffix == ".changelog" and damage == "cut":
            continue  # Spark reads it block by block; nothing but Spark can tell
        if path.suffix == ".zip" and damage == "missing":
            continue  # Spark then takes the changelogs from the first on, which are still there
        if path.name.removesuffix(".compact") == str(last) and damage == "missing":
            continue  # commits: the batch is then in flight. Else the folders differ, which check_lake() reports
        kept = path.read_bytes()
        DAMAGES[damage](path)
        with pytest.raises(ProgramError, match=re.escape(str(path))):
            require_whole_files(lake, checkpoint)
        path.write_bytes(kept)
    require_whole_files(lake, checkpoint)


def _files_of_the_store(checkpoint: Path, version: int) -> list[Path]:
    folder = checkpoint / "state" / "0" / "0"
    snapshots = {int(path.stem): path for path in folder.glob("[0-9]*.zip")}
    start = max((at for at in snapshots if at <= version), default=0)
    later = [folder / f"{at}.changelog" for at in range(start + 1, version + 1)]
    return [*([snapshots[start], *(folder / "SSTs").glob("*.sst")] if start else []), *later]


def test_the_lakes_of_the_benchmarks_are_written_so_too(stack: Stack, tmp_path: Path) -> None:
    settings = load_settings(write_config(tmp_path, {}, "2025bench01"), environment={})
    build(settings, Plan(rows=400, files=4, days=1))
    places = ((settings.datalake.path, stack.settings.datalake.path), _checkpoints(settings, stack.settings))
    for made, real in places:
        found, expected = shapes(local_path(made)), shapes(local_path(real), but=ONLY_REAL)
        assert found
        assert {name for name, shape in found.items() if shape - expected.get(name, set())} == set()


def _checkpoints(*several: Settings) -> tuple[str, ...]:
    return tuple(settings.streaming.checkpoint_location for settings in several)
