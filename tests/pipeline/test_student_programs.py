"""Programs of somebody else: found at any depth, and what they lack is named with the command that installs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.errors import KitError
from configs.settings import PROJECT
from scripts.pipeline.student_programs import (
    PACKAGES,
    find_programs,
    imported_modules,
    programs_from_environment,
    require_modules,
    uses_spark,
)
from scripts.services.stack import OURS

STUDENTS = PROJECT / "tests" / "students"


def put(folder: Path, name: str, text: str = "import pyspark\n") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_programs_are_found_however_deep_they_lie() -> None:
    found = find_programs(STUDENTS / "pyspark_jdbc")
    assert found.name == "pyspark_jdbc"
    assert found.producer.relative_to(STUDENTS).parts[-2:] == ("producers", "orders_cdc_producer.py")
    assert found.consumer.name == "orders_stream_consumer.py"
    assert found.folder == STUDENTS / "pyspark_jdbc"


def test_the_nearest_counts_and_a_venv_does_not(tmp_path: Path) -> None:
    put(tmp_path / "old" / "kept" / "producers", "orders_cdc_producer.py")
    put(tmp_path / ".venv", "orders_cdc_producer.py")
    near = put(tmp_path / "producers", "orders_cdc_producer.py")
    put(tmp_path / "consumers", "orders_stream_consumer.py")
    assert find_programs(tmp_path).producer == near


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: None, "has no orders_cdc_producer.py"),
        (lambda folder: put(folder, "orders_cdc_producer.py"), "has no orders_stream_consumer.py"),
        (
            lambda folder: [put(folder / name, "orders_cdc_producer.py") for name in ("a", "b")],
            "orders_cdc_producer.py more than once",
        ),
    ],
)
def test_what_is_not_one_pair_of_programs_is_refused(tmp_path: Path, make: object, said: str) -> None:
    assert callable(make)
    make(tmp_path)
    with pytest.raises(KitError, match=said):
        find_programs(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROGRAMS", str(tmp_path / "nowhere"))
    with pytest.raises(KitError, match="nowhere"):
        programs_from_environment()


@pytest.mark.parametrize("value", [None, "", "ours"])
def test_without_a_folder_the_kits_own_run(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("PROGRAMS", raising=False)
    if value is not None:
        monkeypatch.setenv("PROGRAMS", value)
    assert programs_from_environment() == OURS


def test_missing_modules_are_named_with_the_command(tmp_path: Path) -> None:
    program = put(tmp_path, "orders_cdc_producer.py", "import loguru, os, pyspark\nfrom no_such_module.x import y\n")
    with pytest.raises(KitError) as raised:
        require_modules(program, tmp_path)
    said = str(raised.value)
    assert "imports loguru, no_such_module" in said
    assert f"scripts/kit pip install {PACKAGES['loguru']}" in said
    assert "no package for no_such_module" in said


def test_own_modules_and_optional_ones_are_not_missing(tmp_path: Path) -> None:
    put(tmp_path, "helpers.py", "")
    (tmp_path / "common").mkdir()
    text = "import helpers\nfrom common import x\ntry:\n    import loguru\nexcept ImportError:\n    loguru = None\n"
    program = put(tmp_path / "producers", "orders_cdc_producer.py", text)
    require_modules(program, tmp_path)


def test_a_file_that_is_no_python_imports_nothing(tmp_path: Path) -> None:
    assert imported_modules(put(tmp_path, "x.py", "def (:\n")) == ()


def test_a_program_without_spark_is_recognized(tmp_path: Path) -> None:
    assert uses_spark(STUDENTS / "psycopg2_kafka_python" / "consumers" / "orders_stream_consumer.py")
    assert not uses_spark(STUDENTS / "psycopg2_kafka_python" / "producers" / "orders_cdc_producer.py")
