"""A student's kit as it runs: it says what is not done, and programs in a student's style pass its rounds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest

from configs.settings import PROJECT
from scripts.starter.generate import generate
from scripts.starter.verify import Copy, a_copy, grade_nothing, import_all, say_what_is_not_done

pytestmark = pytest.mark.services
PAIR = PROJECT / "tests" / "students" / "pyspark_jdbc" / "food_delivery_streaming" / "local"


@pytest.fixture(scope="module")
def kit() -> Iterator[Copy]:
    """A guided kit with this project's venv, so that it needs no setup."""
    with a_copy(generate("guided")) as copy:
        venv = PROJECT / ".venv"
        # The same requirements: scripts/kit would install others into the venv.
        shutil.copyfile(venv / "requirements.installed", copy.folder / "requirements.txt")
        (copy.folder / ".venv").symlink_to(venv.resolve())
        yield copy


def test_every_module_can_be_imported(kit: Copy) -> None:
    import_all(kit)


def test_a_fresh_kit_says_what_is_not_done(kit: Copy) -> None:
    assert say_what_is_not_done(kit) == "9 tasks to do, nothing started"
    assert grade_nothing(kit) == "3 checks failed, as it should"


def test_the_students_tests_say_in_one_sentence_what_is_not_done(kit: Copy) -> None:
    ran = kit.run("scripts/kit", "pytest", "tests/contract/test_state.py", "-q", "-p", "no:cacheprovider")
    assert ran.returncode == 1, ran.stdout
    assert "\nTask 2 is not done yet: producers/state_file.py, write_state\n" in ran.stdout
    assert "\nTask 9: consumers/orders_stream_consumer.py, start_stream: " in ran.stdout
    assert "Traceback" not in ran.stdout
    assert "passed" not in ran.stdout


def test_a_program_with_an_open_task_ends_with_one_sentence(kit: Copy) -> None:
    ran = kit.make("producer")
    assert ran.returncode != 0
    said = [line for line in ran.stdout.splitlines() if "Task 1 is not done yet" in line]
    assert said == [line for line in ran.stdout.splitlines() if " ERROR " in line]
    assert "Traceback" not in ran.stdout


def test_programs_in_a_students_style_pass_the_rounds(kit: Copy) -> None:
    for name in ("producers/orders_cdc_producer.py", "consumers/orders_stream_consumer.py"):
        shutil.copyfile(PAIR / name, kit.folder / name)
    for verb in ("up", "db", "topic", "round1", "round2", "grade"):
        ran = kit.make(verb)
        assert ran.returncode == 0, f"{verb}: {ran.stdout}"
    tests = kit.run("scripts/kit", "pytest", "-q", "-p", "no:cacheprovider")
    assert "2 passed, 3 skipped" in tests.stdout, tests.stdout
    assert "your programs do not use producers/state_file.py" in tests.stdout
    report = json.loads((kit.folder / "reports" / "report.json").read_text(encoding="utf-8"))
    assert (report["verdict"], report["score"]) == ("pass", 20)
