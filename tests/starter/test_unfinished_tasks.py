"""Which tasks the demo of a student's kit names: those of the files that the two programs use, and no others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from configs.errors import KitError
from configs.settings import PROJECT
from scripts.pipeline.student_programs import find_programs
from scripts.pipeline.unfinished_tasks import require_done, unfinished_tasks
from scripts.services.stack import OURS
from scripts.starter.cuts import load_tasks
from scripts.starter.generate import generate, write

STUDENTS = PROJECT / "tests" / "students"


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    write(generate("guided"), tmp_path)
    return tmp_path


def test_a_fresh_kit_names_every_task_with_file_function_and_sentence(kit: Path) -> None:
    with pytest.raises(KitError) as raised:
        require_done(find_programs(kit))
    lines = str(raised.value).splitlines()
    assert lines[0] == "9 tasks are not done yet, so nothing was started:"
    at = lines.index("  Task 2: producers/state_file.py, write_state")
    assert lines[at + 1].split() == load_tasks()[2].what.split()
    assert lines[-2] == "Next: open producers/state_file.py and write read_state."
    assert "make test" in lines[-1]


def test_a_function_that_was_written_is_not_named(kit: Path) -> None:
    path = kit / "producers" / "state_file.py"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("raise TaskNotDoneError(2,", "return  # raised (2,"), encoding="utf-8")
    assert [task.number for task in unfinished_tasks(find_programs(kit))] == [1, 3, 4, 5, 6, 7, 8, 9]


def test_with_the_solution_nothing_is_left(kit: Path) -> None:
    for folder in ("producers", "consumers"):
        shutil.copytree(PROJECT / folder, kit / folder, dirs_exist_ok=True)
    require_done(find_programs(kit))
    require_done(OURS)


def test_a_program_of_the_students_own_uses_none_of_the_files_that_lie_beside_it(kit: Path) -> None:
    pair = STUDENTS / "psycopg2_kafka_python"
    shutil.copy(pair / "producers" / "orders_cdc_producer.py", kit / "producers")
    assert [task.number for task in unfinished_tasks(find_programs(kit))] == [6, 7, 8, 9]
    shutil.copy(pair / "consumers" / "orders_stream_consumer.py", kit / "consumers")
    assert unfinished_tasks(find_programs(kit)) == ()


def test_a_module_that_is_imported_by_its_bare_name_counts(kit: Path) -> None:
    (kit / "producers" / "orders_cdc_producer.py").write_text("import state_file\n", encoding="utf-8")
    assert [task.number for task in unfinished_tasks(find_programs(kit))][:2] == [1, 2]


def test_a_program_that_cannot_be_parsed_is_left_to_python(kit: Path) -> None:
    for folder, name in (("producers", "orders_cdc_producer.py"), ("consumers", "orders_stream_consumer.py")):
        (kit / folder / name).write_text("def f(:\n", encoding="utf-8")
    assert unfinished_tasks(find_programs(kit)) == ()
