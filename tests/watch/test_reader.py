"""What is read of a pipeline without services: its files, and that it says which service does not answer."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from configs.settings import load_settings, local_path
from grader.builder import CHECKPOINT, CONFIG, LAKE, STATE, Submission
from scripts.pipeline import programs
from scripts.pipeline.temporary_stack import held_ports
from scripts.services.stack import Programs, Stack
from scripts.watch.processes import whose
from scripts.watch.reader import Reader
from scripts.watch.snapshot import Batches, LakeFigures, NoAnswer, Processes, StateFile

PATIENCE = 30.0
COMMITTED_AT = 1_763_640_002.5


@pytest.fixture
def submission(tmp_path: Path) -> Submission:
    planned = Submission(tmp_path / "home")
    planned.add_round_3()
    return planned


@pytest.fixture
def stack(submission: Submission) -> Iterator[Stack]:
    """Its ports are held: nobody listens there."""
    root = submission.build()
    with held_ports(1) as postgres, held_ports(2) as kafka:
        config = root / CONFIG
        text = config.read_text(encoding="utf-8").replace("5432", str(postgres)).replace("9092", str(kafka))
        config.write_text(text, encoding="utf-8")
        yield Stack(load_settings(config, environment={}), services="external", reads_environment=False)


@pytest.fixture
def reader(stack: Stack) -> Iterator[Reader]:
    with contextlib.closing(Reader(stack, clock=lambda: 1000.0)) as reader:
        yield reader


def test_what_is_on_disk(stack: Stack, reader: Reader) -> None:
    checkpoint = local_path(stack.settings.streaming.checkpoint_location)
    os.utime(checkpoint / "commits" / "3", (COMMITTED_AT, COMMITTED_AT))
    offsets = checkpoint / "offsets" / "3"
    lines = offsets.read_text(encoding="utf-8").splitlines()
    offsets.write_text("\n".join([lines[0], '{"batchTimestampMs":1763640002000}', lines[2]]), encoding="utf-8")
    snapshot = reader.read(PATIENCE)
    assert snapshot.at == 1000.0
    assert isinstance(snapshot.state, StateFile)
    assert snapshot.state.timestamp is not None
    assert isinstance(snapshot.batches, Batches)
    assert (snapshot.batches.planned, snapshot.batches.finished) == (3, 3)
    assert sum(snapshot.batches.ends.values()) == 30
    assert snapshot.batches.seconds == pytest.approx(0.5)
    assert snapshot.batches.ended_at == COMMITTED_AT
    assert isinstance(snapshot.lake, LakeFigures)
    assert [(day.name, day.rows) for day in snapshot.lake.days] == [("2025-11-19", 10), ("2025-11-18", 15)]
    assert isinstance(snapshot.quarantine, dict)
    assert sum(snapshot.quarantine.values()) == 5
    assert snapshot.quarantine["a negative amount"] == 1


def test_services_that_do_not_answer_are_named_with_their_place(stack: Stack, reader: Reader) -> None:
    snapshot = reader.read(PATIENCE)
    place = f"{stack.settings.postgres.host}:{stack.settings.postgres.port}"
    assert snapshot.orders == NoAnswer(f"Postgres does not answer at {place}")
    assert snapshot.topic == NoAnswer(f"Kafka does not answer at {stack.settings.kafka.brokers}")
    assert snapshot.flow.lag is None


def test_a_program_without_checkpoint_state_and_lake(stack: Stack, submission: Submission) -> None:
    for name in (CHECKPOINT, LAKE, f"{LAKE}_quarantine"):
        shutil.rmtree(submission.folder / name)
    (submission.folder / STATE).unlink()
    with contextlib.closing(Reader(stack)) as reader:
        snapshot = reader.read(PATIENCE)
    assert snapshot.state == StateFile(None, None)
    assert snapshot.batches == Batches(None, None, {})
    assert snapshot.lake == LakeFigures(())
    assert snapshot.quarantine is None


def test_a_lake_that_for_each_batch_wrote_has_no_sink_log(stack: Stack, submission: Submission, reader: Reader) -> None:
    shutil.rmtree(submission.folder / LAKE / "_spark_metadata")
    snapshot = reader.read(PATIENCE)
    assert isinstance(snapshot.lake, LakeFigures)
    assert (snapshot.lake.rows, snapshot.lake.uncounted) == (25, 0)


def test_a_checkpoint_of_another_topic(stack: Stack) -> None:
    settings = stack.settings
    other = settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"topic": "another"})})
    with contextlib.closing(Reader(replace(stack, settings=other))) as reader:
        batches = reader.read(PATIENCE).batches
    assert isinstance(batches, Batches)
    assert batches.other_topics == (settings.kafka.topic,)


def test_a_lake_on_another_file_system_is_named_and_the_rest_is_read(stack: Stack) -> None:
    settings = stack.settings
    away = settings.model_copy(update={"datalake": settings.datalake.model_copy(update={"path": "hdfs://host/x"})})
    with contextlib.closing(Reader(replace(stack, settings=away))) as reader:
        snapshot = reader.read(PATIENCE)
    assert isinstance(snapshot.lake, NoAnswer)
    assert "hdfs://host/x" in snapshot.lake.text
    assert isinstance(snapshot.batches, Batches)


def test_another_program_in_the_place_of_postgres_is_not_asked(stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", stack.settings.postgres.port), reuse_port=False) as other:
        embedded = replace(stack, services="embedded")
        with contextlib.closing(Reader(embedded)) as reader:
            snapshot = reader.read(PATIENCE)
        other.settimeout(0.0)
        with pytest.raises(BlockingIOError):
            other.accept()
    assert isinstance(snapshot.orders, NoAnswer)
    assert snapshot.orders.text.startswith(f"not asked: port {stack.settings.postgres.port} is in use")
    assert isinstance(snapshot.processes, Processes)
    assert "Or give this clone other ports" in snapshot.processes.warning


def test_whose_program_runs(stack: Stack, tmp_path: Path) -> None:
    assert whose(stack, "producer") == ""
    folder = tmp_path / "mine"
    theirs = replace(stack, programs=Programs("mine", folder / "p.py", folder / "c.py", folder))
    stack.pid_file("producer").write(psutil.Process())
    owner = stack.pid_file("producer").path.with_suffix(".pipeline")
    owner.write_text(programs.pipeline_of(theirs), encoding="utf-8")
    assert whose(stack, "producer") == f"of {folder}"
    owner.write_text(programs.pipeline_of(stack), encoding="utf-8")
    assert whose(stack, "producer") == ""
    owner.write_text("roll number x, programs ours", encoding="utf-8")
    assert whose(stack, "producer") == "of another pipeline: roll number x, programs ours"
