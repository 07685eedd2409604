"""The text of the student's kit: nothing of the solution is in it, and all that it names is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from configs.errors import KitError
from configs.settings import HAND_OUT, PROJECT, load_settings
from scripts.starter.__main__ import make_starter
from scripts.starter.cuts import LEVELS, cut, load_tasks, regions
from scripts.starter.files import is_decided, is_included, project_files
from scripts.starter.generate import SAMPLE_ROLLNUMBER, File, generate, student_makefile, write

PACKAGES = ("configs", "consumers", "grader", "producers", "scripts", "tests")
Kit = dict[str, File]


@pytest.fixture(scope="module", params=LEVELS)
def kit(request: pytest.FixtureRequest) -> Kit:
    return generate(request.param)


def texts(kit: Kit, *suffixes: str) -> Iterator[tuple[str, str]]:
    for name, file in kit.items():
        if name.endswith(suffixes):
            yield name, file.content.decode("utf-8", errors="replace")


def programs() -> list[str]:
    names = [name for name in project_files() if name.startswith(("producers/", "consumers/")) and name.endswith(".py")]
    return [name for name in names if is_included(name)]


def solution(name: str) -> list[str]:
    """The lines between the marks of a solution in a file."""
    found = [region for region in regions((PROJECT / name).read_text(encoding="utf-8"), name) if region.task]
    return [line.strip() for region in found for line in region.lines if "# STARTER" not in line]


def outside(name: str) -> str:
    """The file without its regions, apart from the student's lines in them."""
    text = (PROJECT / name).read_text(encoding="utf-8")
    for region in regions(text, name):
        instead = [line.replace("# STARTER ", "") for line in region.lines if "# STARTER " in line]
        text = text.replace("\n".join(region.lines), "\n".join(instead))
    return text


def test_no_line_of_the_solution_is_in_the_programs(kit: Kit) -> None:
    for name in programs():
        lines = kit[name].content.decode("utf-8").splitlines()
        kept = [line.strip() for line in outside(name).splitlines()]
        code = [line.strip() for line in lines if "TaskNotDoneError" not in line and not line.strip().startswith("#")]
        known = {line for line in kept if line and not line.startswith("#")}
        assert [line for line in code if line and line not in known] == [], name
        assert [line for line in solution(name) if line and line in code and line not in kept] == [], name
    assert sum(len(solution(name)) for name in programs()) > 200


def test_no_other_file_quotes_the_solution(kit: Kit) -> None:
    every = "\n".join(text for _, text in texts(kit, ".py", ".md", ".yml", ".sh"))
    lines = [line for name in programs() for line in solution(name) if len(line) > 50 and line not in outside(name)]
    assert len(lines) > 90
    assert [line for line in lines if line in every] == []


def test_every_task_has_its_text_and_all_but_the_extras_their_error(kit: Kit) -> None:
    code = "\n".join(text for name, text in texts(kit, ".py") if name.startswith(("producers/", "consumers/")))
    for number, task in load_tasks().items():
        assert code.count(f"# TASK {number}{' (extra)' if task.is_extra else ''}: {task.what}\n") == 1
        assert code.count(f"raise TaskNotDoneError({number}, ") == (0 if task.is_extra else 1)
    assert max(map(len, code.splitlines())) <= 120


def test_only_the_guided_level_has_contract_and_steps() -> None:
    guided, plain = (generate(level)["producers/state_file.py"].content.decode() for level in LEVELS)
    assert "# STEP 1: Read the text of the file." in guided
    assert "No file: this is the first run" in guided
    assert "# STEP" not in plain
    assert "No file: this is the first run" not in plain
    assert "# TASK 1: Read the timestamp" in plain


def test_an_error_names_the_task_the_file_and_the_function(kit: Kit, tmp_path: Path) -> None:
    found = re.findall(r"raise TaskNotDoneError\(.*\)", kit["producers/state_file.py"].content.decode())
    assert found == [
        'raise TaskNotDoneError(1, "producers/state_file.py", "read_state")',
        'raise TaskNotDoneError(2, "producers/state_file.py", "write_state")',
    ]


def test_no_mark_stays(kit: Kit) -> None:
    marks = ("BEGIN SOLUTION", "END SOLUTION", "NOT IN STARTER", "# STARTER", "<!-- STARTER")
    assert [name for name, text in texts(kit, "") if any(mark in text for mark in marks)] == []


def test_the_same_project_gives_the_same_bytes_and_none_of_this_machine(kit: Kit, tmp_path: Path) -> None:
    assert generate("guided") == generate("guided")
    here = [str(PROJECT).encode(), str(Path.home()).encode() + b"/"]
    assert [name for name, file in kit.items() if any(place in file.content for place in here)] == []
    for folder in ("one", "two"):
        write(kit, tmp_path / folder)
    modes = [{path.name: path.stat().st_mode for path in (tmp_path / one).rglob("*")} for one in ("one", "two")]
    assert modes[0] == modes[1]


def test_every_import_of_the_project_leads_to_a_file_of_the_kit(kit: Kit) -> None:
    def is_there(module: str) -> bool:
        path = module.replace(".", "/")
        return any(name in kit or name == f"{path}.py" for name in (f"{path}.py", f"{path}/__init__.py")) or any(
            name.startswith(f"{path}/") for name in kit
        )

    missing = [
        (name, node.module)
        for name, text in texts(kit, ".py")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in PACKAGES
        if not is_there(node.module)
    ]
    assert missing == []


@pytest.mark.parametrize(
    "name", ["grader/class_run/run.py", "scripts/drills/model.py", "scripts/starter/cuts.py", "tests/conftest.py"]
)
def test_what_only_an_instructor_needs_is_left_out(name: str) -> None:
    assert (PROJECT / name).is_file()
    assert not is_included(name)


def test_every_file_of_the_project_is_in_or_out_by_a_line_of_the_list() -> None:
    assert [name for name in project_files() if not is_decided(name)] == []
    assert not is_decided("scripts/new_package/new.py")


def test_every_link_of_a_page_leads_somewhere(kit: Kit, tmp_path: Path) -> None:
    write(kit, tmp_path)
    broken = [
        (name, target)
        for name, text in texts(kit, ".md")
        for target in re.findall(r"\]\(([^)#:]+)\)", text)
        if not ((tmp_path / name).parent / target).exists()
    ]
    assert broken == []
    named = [
        (name, file)
        for name, text in texts(kit, ".md", ".yml")
        for file in re.findall(r"\b((?:configs|db|producers|consumers|scripts|grader|tests|docs)/[\w./-]+\.\w+)", text)
    ]
    assert [place for place in named if not (tmp_path / place[1]).exists()] == []


def test_nothing_names_a_verb_that_is_not_there(kit: Kit) -> None:
    verbs = set(re.findall(r"^([a-z0-9-]+): ## ", kit["Makefile"].content.decode(), re.MULTILINE))
    assert {"demo", "grade", "test", "round3"} <= verbs
    assert not {"drills", "grade-class", "lint", "check", "starter", "docs", "fidelity", "bench"} & verbs
    named = {
        (name, verb)
        for name, text in texts(kit, ".md", ".py", ".yml", ".sh", ".j2", ".sql", "kit", "Makefile")
        for command in re.findall(r"(?:^|`)make ((?:[a-z0-9-]+ ?)+)(?![a-z0-9{-])", text, re.MULTILINE)
        for verb in command.split()
    }
    assert [place for place in sorted(named) if place[1] not in verbs] == []


def test_the_makefile_keeps_verbs_by_their_modules() -> None:
    text = "export A LIVE\n\nup: ## start\n\t@scripts/kit scripts up\n\nbench: ## x\n\t@scripts/kit scripts.bench\n"
    made = student_makefile(text, ["scripts/__main__.py"])
    assert "up: ## start\n" in made
    assert "bench" not in made
    assert "\nexport A\n" in made


def test_the_config_has_the_keys_of_the_assignment_with_nothing_to_fill_in(kit: Kit, tmp_path: Path) -> None:
    text = kit["configs/orders_stream.yml"].content.decode()
    assert "{" not in text
    values = yaml.safe_load(text)
    for section, keys in HAND_OUT.items():
        assert set(keys) <= set(values[section])
    write(kit, tmp_path)
    settings = load_settings(tmp_path / "configs" / "orders_stream.yml", environment={})
    assert settings.rollnumber == SAMPLE_ROLLNUMBER


def test_a_roll_number_is_written_everywhere() -> None:
    kit = generate("plain", "2026ab7")
    assert b"2026ab7_orders" in kit["configs/orders_stream.yml"].content
    own = ("configs/orders_stream.yml", "README.md", "db/orders.sql")
    assert [name for name in own if SAMPLE_ROLLNUMBER.encode() in kit[name].content] == []


def test_a_folder_that_is_no_checkout_has_the_same_files(tmp_path: Path) -> None:
    names = project_files()
    assert "producers/state_file.py" in names
    for name in (*names, ".kit/run/x.json", "state/food/x.txt", "configs/__pycache__/x.pyc", ".venv/bin/python"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert project_files(tmp_path) == names


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(KitError, match="exists and is not an empty folder"):
        make_starter({"OUT": str(tmp_path), "VERIFY": "0"})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({}, "OUT names no folder"), ({"LEVEL": "hard"}, "guided, plain"), ({"ROLLNUMBER": "a b"}, "digits")],
)
def test_a_wrong_variable_is_named(tmp_path: Path, wrong: dict[str, str], said: str) -> None:
    with pytest.raises(KitError, match=said):
        make_starter({**({"OUT": str(tmp_path / "new")} if wrong else {}), "VERIFY": "0", **wrong})
    assert not (tmp_path / "new").exists()


def test_without_verification_the_verb_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "für alle 50%"
    assert make_starter({"OUT": str(out), "LEVEL": "plain", "VERIFY": "0"}) == 0
    assert "NOT verified" in capsys.readouterr().out
    assert (out / "scripts" / "kit").stat().st_mode & 0o100
    assert (out / "state" / ".gitkeep").is_file()


@pytest.mark.parametrize(
    "text",
    [
        "# BEGIN SOLUTION: task 1\n",
        "# END SOLUTION\n",
        "# BEGIN SOLUTION: task 1\n# END NOT IN STARTER\n",
        "# BEGIN SOLUTION\n# END SOLUTION\n",
        "# BEGIN NOT IN STARTER\n# BEGIN SOLUTION: task 1\n# END SOLUTION\n# END NOT IN STARTER\n",
    ],
)
def test_a_mark_without_its_counterpart_is_named(text: str) -> None:
    with pytest.raises(KitError, match=r"x\.py, line \d"):
        cut(text, "x.py", {}, "guided")


def test_a_task_that_has_no_text_is_named() -> None:
    text = "def f() -> None:\n    # BEGIN SOLUTION: task 99\n    pass\n    # END SOLUTION\n"
    with pytest.raises(KitError, match="has no task 99"):
        cut(text, "x.py", load_tasks(), "guided")
