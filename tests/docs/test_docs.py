"""The documents say what is true: every key, verb, file and package that they name is there, and none is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from configs.settings import PROJECT, Settings
from scripts.drills.pipeline import Pipeline

README = (PROJECT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")
VERBS = set(re.findall(r"^([a-z0-9-]+):.* ## ", MAKEFILE, re.MULTILINE))
DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]


def config_keys() -> set[str]:
    keys = set()
    for name, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            keys |= {f"{name}.{key}" for key in model.model_fields}
        elif name not in ("source", "root"):
            keys.add(name)
    return keys


def test_the_readme_explains_every_key_of_the_config_and_no_other() -> None:
    rows = [line.split("|")[1] for line in README.splitlines() if line.startswith("| `")]
    named = {key for row in rows for key in re.findall(r"`([a-z0-9_.]+)`", row) if "." in key or key == "rollnumber"}
    assert named == config_keys()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_verb_that_a_document_names_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = {
        verb
        for command in re.findall(r"(?:^|`)make ((?:[a-z0-9-]+ ?)+)", text, re.MULTILINE)
        for verb in command.split()
    }
    assert named <= VERBS


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_of_the_project_that_a_document_names_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = re.findall(r"`((?:configs|db|producers|consumers|scripts|grader|tests|docs)/[\w./-]+\.\w+)`", text)
    assert [name for name in named if not (PROJECT / name).exists()] == []


REQUIREMENTS = sorted(PROJECT.glob("requirements*.txt"))


@pytest.mark.parametrize("file", REQUIREMENTS, ids=lambda path: path.name)
def test_every_package_has_its_reason(file: Path) -> None:
    requirements = file.read_text(encoding="utf-8")
    direct = re.sub(r"# What those need in turn\..*?(\n\n|\Z)", "", requirements, flags=re.DOTALL)
    names = set(re.findall(r"^([\w-]+)==", direct, re.MULTILINE))
    reasons = (PROJECT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert names
    assert [name for name in sorted(names) if name not in reasons and not name.startswith("types-")] == []


@pytest.mark.parametrize("file", REQUIREMENTS, ids=lambda path: path.name)
def test_every_requirement_is_pinned(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#") and "==" not in line] == []


def test_the_guide_for_drills_shows_a_whole_drill_as_it_is() -> None:
    guide = (PROJECT / "docs" / "drill_writer.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    name = re.search(r"`(scripts/drills/\w+/\w+\.py)`:\n", guide)
    assert name
    assert shown == (PROJECT / name[1]).read_text(encoding="utf-8")


def test_the_guide_for_drills_names_what_the_pipeline_has() -> None:
    guide = (PROJECT / "docs" / "drill_writer.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in guide.splitlines() if line.startswith("| `")]
    methods = {name for row in rows for name in re.findall(r"`(\w+)\(", row)}
    assert methods
    assert [name for name in sorted(methods) if not hasattr(Pipeline, name)] == []
