"""autograder.zip grades on its own, in a folder where nothing of the kit is, and always leaves a results.json."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from grader.api import grade
from grader.builder import Submission
from scripts.platforms.__main__ import main
from scripts.platforms.gradescope import autograder_files, write_autograder

pytestmark = pytest.mark.venv
TOTAL = 20
LONGEST_SECONDS = 600  # the platform's, before it ends a run
LARGEST = 1 << 20  # bytes; the platform's documentation names no limit
VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
# As https://gradescope-autograders.readthedocs.io/en/latest/specs/ has it, and no field that it does not name.
DOCUMENTED = {
    "type": "object",
    "required": ["score"],
    "additionalProperties": False,
    "properties": {
        "score": {"type": "number", "minimum": 0, "maximum": TOTAL},
        "execution_time": {"type": "number"},
        "output": {"type": "string"},
        "output_format": FORMAT,
        "test_output_format": FORMAT,
        "test_name_format": FORMAT,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "score": {"type": "number", "minimum": 0},
                    "max_score": {"type": "number", "minimum": 0},
                    "status": {"enum": ["passed", "failed"]},
                    "name": {"type": "string"},
                    "name_format": FORMAT,
                    "number": {"type": "string"},
                    "output": {"type": "string"},
                    "output_format": FORMAT,
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "visibility": VISIBILITY,
                    "extra_data": {"type": "object"},
                },
            },
        },
    },
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the platform makes of the archive, in another folder than /autograder; without a submission."""
    folder = tmp_path_factory.mktemp("platform") / "autograder"
    write_autograder(folder.parent / "autograder.zip")
    with zipfile.ZipFile(folder.parent / "autograder.zip") as archive:
        archive.extractall(folder / "source")
    shutil.copy(folder / "source" / "run_autograder", folder / "run_autograder")
    venv.create(folder / "venv", symlinks=True)
    (packages,) = (folder / "venv" / "lib").glob("python3.*/site-packages")
    # What pip would put there. So a package that requirements.txt lacks is missing.
    for line in (folder / "source" / "requirements.txt").read_text().splitlines():
        name, _, rest = line.partition("==")
        distribution = importlib.metadata.distribution(name)
        assert distribution.version == rest.partition(";")[0]
        tops = {file.parts[0] for file in distribution.files or [] if file.parts[0] != ".."}
        for top in tops:
            place = Path(str(distribution.locate_file(top)))
            if place.exists() and not (packages / top).exists():
                (packages / top).symlink_to(place)
    return folder


def run(root: Path, submission: Path | None, code: int = 0) -> dict[str, Any]:
    """Run the driver as the platform does, and return results.json."""
    shutil.rmtree(root / "submission", ignore_errors=True)
    shutil.rmtree(root / "results", ignore_errors=True)
    if submission is None:
        (root / "submission").mkdir()
    else:
        shutil.copytree(submission, root / "submission")
    done = subprocess.run(
        [sys.executable, "-I", str(root / "run_autograder")],
        cwd=root,
        env={"AUTOGRADER_ROOT": str(root), "PATH": os.defpath, "PYTHONPATH": os.environ["PYTHONPATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    (written,) = (root / "results").iterdir()
    assert written.stat().st_size < LARGEST
    results: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
    jsonschema.validate(results, DOCUMENTED)
    return results


def submission(folder: Path, change: Callable[[Submission], None] = lambda _: None) -> Path:
    one = Submission(folder)
    one.add_round_3()
    change(one)
    return one.build()


def test_a_correct_submission_gets_the_total(root: Path, tmp_path: Path) -> None:
    results = run(root, submission(tmp_path / "one"))
    assert results["score"] == results["extra_data"]["max_score"] == TOTAL
    assert {test.get("status") for test in results["tests"]} <= {"passed", None}
    assert results["extra_data"]["rollnumber"] == "2025em1100471"


def test_a_faulty_submission_gets_the_mark_that_it_gets_here(root: Path, tmp_path: Path) -> None:
    folder = submission(tmp_path / "one", lambda one: one.lose(14))
    results = run(root, folder)
    with grade(folder, database="off") as graded:
        assert results["score"] == graded.report.score < TOTAL
    assert "failed" in {test.get("status") for test in results["tests"]}


def test_a_damaged_archive_gets_no_mark_and_a_reason(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir()
    packed = Path(shutil.make_archive(str(tmp_path / "work"), "zip", submission(tmp_path / "one")))
    (folder / "work.zip").write_bytes(packed.read_bytes()[:2000])
    results = run(root, folder)
    assert results["score"] == 0
    assert "is damaged" in json.dumps(results)


def test_an_empty_submission_gets_no_mark_and_a_reason(root: Path) -> None:
    results = run(root, None)
    assert results["score"] == 0
    assert "there is no orders_stream.yml" in json.dumps(results)


def test_the_work_of_several_students_is_not_graded(root: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        one = submission(tmp_path / "several" / f"2025em110000{number}")
        config = one / "configs" / "orders_stream.yml"
        config.write_text(config.read_text().replace("2025em1100471", f"2025em110000{number}"))
    results = run(root, tmp_path / "several", code=1)
    assert "The grader did not finish" in results["output"]
    assert "contains 2 submissions" in results["output"]


@pytest.fixture
def broken(root: Path, tmp_path: Path) -> Callable[[str], Path]:
    """The same with another grader, which runs `code`."""

    def make(code: str) -> Path:
        shutil.copytree(root, tmp_path / "autograder", symlinks=True)
        (tmp_path / "autograder" / "source" / "grader" / "__main__.py").write_text(code, encoding="utf-8")
        return tmp_path / "autograder"

    return make


def test_there_is_a_result_from_the_first_moment(broken: Callable[[str], Path], tmp_path: Path) -> None:
    kept = tmp_path / "early.json"
    other = broken(f"import shutil\nshutil.copy('../results/results.json', {str(kept)!r})\nraise SystemExit(3)\n")
    results = run(other, None, code=1)
    early = json.loads(kept.read_text(encoding="utf-8"))
    jsonschema.validate(early, DOCUMENTED)
    assert "by the platform's limit of time or memory" in early["output"]
    assert "it ended with exit code 3" in results["output"]


def test_a_package_that_is_missing_is_named(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "autograder", symlinks=True)
    (packages,) = (tmp_path / "autograder" / "venv" / "lib").glob("python3.*/site-packages")
    (packages / "pyarrow").unlink()
    results = run(tmp_path / "autograder", submission(tmp_path / "one"), code=1)
    assert "pyarrow" in results["output"]


def test_a_grader_that_hangs_is_ended(broken: Callable[[str], Path]) -> None:
    other = broken("import signal\nsignal.pause()\n")
    driver = other / "run_autograder"
    text = driver.read_text(encoding="utf-8")
    assert "SECONDS = 540 " in text
    driver.write_text(text.replace("SECONDS = 540 ", "SECONDS = 1 "), encoding="utf-8")
    assert "did not end within 1 seconds" in run(other, None, code=1)["output"]


def test_the_archive_has_what_the_platform_asks_for_and_can_be_made_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        monkeypatch.setenv("OUT", str(tmp_path / f"{name}.zip"))
        assert main(["gradescope"]) == 0
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
    assert modes["setup.sh"] == modes["run_autograder"] == 0o755
    assert not [name for name in autograder_files() if name.startswith(("producers", "consumers", "scripts", "tests"))]
    assert "pyspark" not in (root / "source" / "requirements.txt").read_text()


@pytest.mark.parametrize(("out", "said"), [("somewhere", "name a file, such as OUT=autograder.zip")])
def test_out_is_an_archive(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], out: str, said: str
) -> None:
    monkeypatch.setenv("OUT", out)
    assert main(["gradescope"]) == 1
    assert said in capsys.readouterr().err
