"""A module of the student's programs, for the tests of its functions."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

from configs.errors import KitError
from configs.settings import PROJECT
from scripts.pipeline.student_programs import find_programs
from scripts.pipeline.unfinished_tasks import used_files


def student_module(file: str) -> ModuleType:
    """The module in a file of the project. A test module is skipped if the two programs do not use that file."""
    try:
        is_used = PROJECT / file in used_files(find_programs(PROJECT))
    except KitError as error:
        pytest.skip(str(error), allow_module_level=True)
    if not is_used:
        pytest.skip(f"your programs do not use {file}", allow_module_level=True)
    return importlib.import_module(file.removesuffix(".py").replace("/", "."))
