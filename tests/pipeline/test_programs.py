"""Whose programs run, and with which environment; killed and paused with all of their children."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from configs.errors import KitError
from configs.settings import PROJECT
from scripts.pipeline import programs
from scripts.pipeline.temporary_stack import temporary_stack
from scripts.services.processes import wait_until
from scripts.services.stack import OURS, PRODUCER, SUBMIT, Programs, Stack

SCRIPT = """\
#!{python}
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("pids", os.getpid(), child.pid, os.environ.get("ROLLNUMBER"), sys.argv[1:], flush=True)
time.sleep(600)
"""


@pytest.fixture
def script(tmp_path: Path) -> Programs:
    path = tmp_path / "producer.sh"
    path.write_text(SCRIPT.format(python=sys.executable), encoding="utf-8")
    path.chmod(0o755)
    return Programs("a script", path, path)


def printed(stack: Stack) -> str:
    log = stack.log(PRODUCER)
    assert wait_until(lambda: log.is_file() and "\n" in log.read_text(encoding="utf-8"), timeout=20)
    return log.read_text(encoding="utf-8")


def test_a_python_program_goes_through_spark_submit_and_a_script_runs_itself(tmp_path: Path) -> None:
    config = tmp_path / "orders_stream.yml"
    mine = Programs("mine", tmp_path / "producer.py", tmp_path / "consumer.sh")
    assert mine.command("producer", config) == [SUBMIT, tmp_path / "producer.py", "--config", config]
    assert mine.command("consumer", config) == [tmp_path / "consumer.sh", "--config", config]
    assert OURS.producer == PROJECT / "scripts" / "producer_spark_submit.sh"


@pytest.mark.jvm  # Java is asked for its version
def test_a_stack_starts_the_programs_that_it_has(script: Programs) -> None:
    with temporary_stack(programs=script) as stack:
        assert programs.start(stack, [PRODUCER])[0].changed
        assert not programs.start(stack, [PRODUCER])[0].changed
        assert str(stack.settings.source) in printed(stack)
        programs.kill(stack, PRODUCER)


@pytest.mark.jvm
def test_a_program_that_runs_for_another_roll_number_is_named_with_both(script: Programs) -> None:
    with temporary_stack(rollnumber="2025one", programs=script) as stack:
        programs.start(stack, [PRODUCER])
        other = replace(stack, settings=stack.settings.model_copy(update={"rollnumber": "2025two"}))
        with pytest.raises(KitError, match=r"(?s)producer that runs .*2025one.*2025two.*`make stop`"):
            programs.start(other, [PRODUCER])
        programs.kill(stack, PRODUCER)
        programs.start(other, [PRODUCER])
        programs.kill(other, PRODUCER)


@pytest.mark.jvm
@pytest.mark.parametrize(("reads_environment", "seen"), [(True, "2025other"), (False, "None")])
def test_what_would_change_the_settings_reaches_only_a_stack_that_reads_it(
    script: Programs, monkeypatch: pytest.MonkeyPatch, reads_environment: bool, seen: str
) -> None:
    with temporary_stack(programs=script) as stack:
        monkeypatch.setenv("ROLLNUMBER", "2025other")
        programs.start(replace(stack, reads_environment=reads_environment), [PRODUCER])
        assert seen in printed(stack)
        programs.kill(stack, PRODUCER)


@pytest.mark.jvm  # Java is asked for its version
def test_kill_and_pause_reach_the_children(script: Programs) -> None:
    with temporary_stack(programs=script) as stack:
        programs.start(stack, [PRODUCER])
        family = [psutil.Process(int(pid)) for pid in printed(stack).split()[1:3]]
        programs.pause(stack, PRODUCER)
        assert wait_until(lambda: all(one.status() == psutil.STATUS_STOPPED for one in family), timeout=10)
        programs.resume(stack, PRODUCER)
        assert wait_until(lambda: all(one.status() != psutil.STATUS_STOPPED for one in family), timeout=10)
        programs.kill(stack, PRODUCER)
        assert not programs.is_alive(stack, PRODUCER)
        _, alive = psutil.wait_procs(family, timeout=10)
        assert alive == []
