"""Where programs write while they run: never in the machine's temporary folder, and nothing stays of one that ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from configs.settings import load_settings
from scripts.pipeline import programs, remove
from scripts.pipeline.student_programs import find_programs
from scripts.pipeline.temporary_stack import write_config
from scripts.services.processes import family, wait_until
from scripts.services.stack import PRODUCER, SUBMIT, Stack

SPARK = """\
import json, os, tempfile, time
from pyspark.sql import SparkSession
spark = SparkSession.builder.config("spark.local.dir", "/tmp/mine").getOrCreate()
java, of_spark = spark._jvm.java.lang.System, spark._jvm.org.apache.spark.SparkEnv.get()
folders = [tempfile.gettempdir(), java.getProperty("java.io.tmpdir"), of_spark.driverTmpDir().get()]
folders += of_spark.blockManager().diskBlockManager().localDirsString()
print("\\n" + json.dumps({"pid": os.getpid(), "folders": folders}), flush=True)
time.sleep(600)
"""
PLAIN = "import time\nprint('{}', flush=True)\ntime.sleep(600)\n"


@pytest.fixture
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    folder = tmp_path / 'Übung 50% "1" & it\'s \\ mehr'
    settings = load_settings(write_config(folder, {}, "2025test01"), environment={})
    for name in ("orders_cdc_producer.py", "orders_stream_consumer.py"):
        (folder / name).write_text(getattr(request, "param", SPARK), encoding="utf-8")
    stack = Stack(settings, programs=find_programs(folder), reads_environment=False)
    yield stack
    programs.kill(stack, PRODUCER)


def folders_in(log: Path) -> list[Path]:
    """The folders that the program has named in its log."""

    def said() -> list[str]:
        text = log.read_text(encoding="utf-8") if log.is_file() else ""
        return [line for line in text.splitlines() if line.startswith("{") and line.endswith("}")]

    assert wait_until(lambda: bool(said()), timeout=60), log.read_text(encoding="utf-8")
    return [Path(folder) for folder in json.loads(said()[-1])["folders"]]


def end_by_force(process: psutil.Process) -> None:
    """kill -9 of the script, the JVM and Python, as by a machine without memory."""
    members = family(process)
    for member in members:
        member.kill()
    psutil.wait_procs(members, timeout=10)


@pytest.mark.jvm
@pytest.mark.slow
def test_what_a_killed_program_leaves_is_in_its_own_folder_until_the_next_start_or_stop(stack: Stack) -> None:
    own = stack.scratch / PRODUCER
    for end in (lambda: programs.stop(stack, [PRODUCER]), lambda: programs.launch(stack, "consumer")):
        process = programs.launch(stack, PRODUCER)
        folders = folders_in(stack.log(PRODUCER))
        assert len(folders) > 3
        assert {folder for folder in folders if not folder.is_relative_to(own)} == set()
        end_by_force(process)
        assert list(own.iterdir()) != []
        end()
        assert not own.exists()
        stack.log(PRODUCER).unlink()
    programs.kill(stack, "consumer")
    assert list(stack.scratch.iterdir()) == []


@pytest.mark.jvm
@pytest.mark.slow
def test_a_program_started_by_hand_has_a_folder_that_clean_leaves_while_it_runs(stack: Stack, tmp_path: Path) -> None:
    log = tmp_path / "by_hand.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PROGRAM_")}
    environment["LC_ALL"] = "C"  # in which Java knows no umlaut
    with log.open("w") as output:
        by_hand = subprocess.Popen(
            [SUBMIT, stack.programs.producer, "--config", stack.settings.source],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    own = stack.scratch / str(by_hand.pid)
    assert all(folder.is_relative_to(own) for folder in folders_in(log))
    remove.clean(stack)
    assert own.is_dir()
    end_by_force(psutil.Process(by_hand.pid))
    by_hand.wait()
    remove.clean(stack)
    assert not own.exists()


@pytest.mark.jvm  # Java is asked for its version
@pytest.mark.slow
@pytest.mark.parametrize("stack", [PLAIN], indirect=True)
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_program_that_is_stopped_by_a_signal_leaves_no_folder(stack: Stack, signum: int) -> None:
    process = programs.launch(stack, PRODUCER)
    own = stack.scratch / PRODUCER
    assert wait_until(lambda: stack.log(PRODUCER).read_text(encoding="utf-8") == "{}\n", timeout=20)
    assert own.is_dir()
    process.send_signal(signum)
    psutil.wait_procs([process], timeout=10)
    assert not own.exists()
