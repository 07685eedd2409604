"""`make clean` and `make reset`: what they remove, and what they must leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.pipeline import remove
from scripts.pipeline.temporary_stack import temporary_stack


def test_a_temporary_stack_leaves_the_projects_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cache = tmp_path / ".pytest_cache"
    cache.mkdir()
    monkeypatch.setattr(remove, "PROJECT", tmp_path)
    with temporary_stack() as stack:
        remove.clean(stack)
    assert cache.is_dir()


def test_clean_of_the_project_removes_its_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_stack() as stack:
        monkeypatch.setattr(remove, "PROJECT", stack.settings.root)
        cache = stack.settings.root / ".pytest_cache"
        cache.mkdir()
        remove.clean(stack)
        assert not cache.exists()
