"""The two programs, in whatever style: they are there, Python can read them, and what they import is installed."""

from __future__ import annotations

import pytest

from configs.settings import PROJECT
from scripts.pipeline.student_programs import find_programs, require_modules
from scripts.services.stack import PROGRAM_NAMES


@pytest.mark.parametrize("name", PROGRAM_NAMES)
def test_a_program_can_be_read_and_finds_its_modules(name: str) -> None:
    path = find_programs(PROJECT).path(name)
    compile(path.read_text(encoding="utf-8"), str(path), "exec")
    require_modules(path, PROJECT)
