"""What `make submit` writes is graded as the project is, can be run, and has nothing in it that should not be there."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from configs.errors import KitError
from configs.program import lock_file
from configs.settings import DEFAULT_CONFIG, HAND_OUT, load_settings
from grader.api import grade
from grader.builder import CHECKPOINT, CONFIG, LAKE, ROLLNUMBER, ROUNDS, STATE, Submission
from grader.model import Report
from scripts.pipeline.student_programs import find_programs
from scripts.services.stack import Stack
from scripts.submit import contents
from scripts.submit.command import run_submit
from scripts.submit.contents import SAMPLE_ROLLNUMBER
from scripts.submit.secrets import PRACTICE_PASSWORD
from tests.submit.project import own_programs, project

pytestmark = pytest.mark.slow
TOP = f"{ROLLNUMBER}/food_delivery_streaming/local/"
Change = Callable[[Submission], None]


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUT", str(tmp_path / "out"))
    return tmp_path / "out"


def submit(stack: Stack, out: Path) -> Path:
    assert run_submit(stack) == 0
    (written,) = out.iterdir()  # and nothing else: it was written beside, and renamed
    assert written.name == f"{stack.settings.rollnumber}.zip"
    return written


def names_in(archive: Path) -> set[str]:
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
    assert all(name.startswith(TOP) for name in names)
    return {name.removeprefix(TOP) for name in names}


def text_in(archive: Path, name: str) -> str:
    with zipfile.ZipFile(archive) as opened:
        return opened.read(TOP + name).decode()


def outcome(report: Report) -> dict[str, object]:
    findings = {finding.id: (finding.status, finding.points) for finding in report.findings}
    return {"mark": (report.score, report.max_score, report.verdict), **findings}


def of_project(stack: Stack) -> Report:
    with grade(None, config=stack.settings.source, database="off") as graded:
        return graded.report


def of_archive(archive: Path) -> Report:
    with grade(archive, database="off") as graded:
        assert not [line for line in graded.report.assumptions if "found by its shape" in line]
        return graded.report


@pytest.mark.parametrize(
    "change",
    [
        lambda one: None,
        lambda one: one.lose(14),
        lambda one: one.append_batch(one.rows[-2:]),
        lambda one: one.change_in_lake(3, amount="-5.00"),
        lambda one: one.remove(STATE),
        lambda one: one.edit(lambda root: shutil.rmtree(root / CHECKPOINT)),
        lambda one: one.edit(lambda root: (root / LAKE / "_spark_metadata" / "1").write_text("v1\n")),
        lambda one: one.remove(f"{ROUNDS}/round2.json"),
    ],
    ids=[
        "correct",
        "an order is lost",
        "orders twice",
        "a negative amount",
        "no state",
        "no checkpoint",
        "a damaged log",
        "a round is missing",
    ],
)
def test_the_archive_gets_the_marks_of_the_project(tmp_path: Path, out: Path, change: Change) -> None:
    stack = project(tmp_path / "mine", change)
    assert outcome(of_archive(submit(stack, out))) == outcome(of_project(stack))


def test_it_has_the_layout_of_the_assignment_and_what_the_programs_import(tmp_path: Path, out: Path) -> None:
    names = names_in(submit(project(tmp_path / "mine"), out))
    handed_out = {
        "README.md",
        "db/orders.sql",
        "producers/orders_cdc_producer.py",
        "consumers/orders_stream_consumer.py",
        "scripts/producer_spark_submit.sh",
        "scripts/consumer_spark_submit.sh",
        CONFIG,
    }
    assert handed_out <= names
    assert {"configs/__init__.py", "configs/settings.py", "configs/jdbc_url.py", "producers/horizon.py"} <= names
    assert {f"{ROUNDS}/round{number}.json" for number in (1, 2, 3)} | {STATE} <= names
    assert not [name for name in names if name.startswith(("grader/", "tests/", "docs/")) or "__pycache__" in name]
    # Of scripts/ and configs/ nothing but what the two programs use.
    assert not [name for name in names if name.startswith("scripts/") and name.endswith(".py")]
    assert "configs/rubric.yml" not in names


def test_both_programs_start_where_the_kit_is_not(tmp_path: Path, out: Path) -> None:
    with zipfile.ZipFile(submit(project(tmp_path / "mine"), out)) as archive:
        archive.extractall(tmp_path / "unpacked")
    for program in ("producers/orders_cdc_producer.py", "consumers/orders_stream_consumer.py"):
        code = f"import runpy; runpy.run_path({str(tmp_path / 'unpacked' / TOP / program)!r})"
        command = [sys.executable, "-I", "-c", code]  # -I: without the project on the path
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_same_content_gives_the_same_bytes(tmp_path: Path, out: Path) -> None:
    stack = project(tmp_path / "mine")
    first = submit(stack, out).read_bytes()
    for path in (tmp_path / "mine").rglob("*"):
        path.touch()
    assert submit(stack, out).read_bytes() == first


def test_a_config_that_is_true_of_the_archive_is_handed_in_as_it_was_written(tmp_path: Path, out: Path) -> None:
    stack = project(tmp_path / "mine", replace={"rollnumber: ": "# mine\nrollnumber: "})
    archive = submit(stack, out)
    assert text_in(archive, CONFIG) == stack.settings.source.read_text(encoding="utf-8")


def test_a_project_may_be_the_folder_of_its_programs(tmp_path: Path, out: Path) -> None:
    folder = tmp_path / "mine"
    own_programs(folder)
    shutil.rmtree(folder / "configs")
    (folder / "configs").mkdir()
    (folder / "configs" / "rows.py").write_text("NAMES = ()\n", encoding="utf-8")
    producer = folder / "producers" / "orders_cdc_producer.py"
    producer.write_text(f"from configs.rows import NAMES\n{producer.read_text(encoding='utf-8')}", encoding="utf-8")
    stack = replace(project(folder), programs=find_programs(folder))
    archive = submit(stack, out)
    assert text_in(archive, CONFIG) == stack.settings.source.read_text(encoding="utf-8")
    assert {name for name in names_in(archive) if name.endswith(".py")} == {
        "producers/orders_cdc_producer.py",
        "consumers/orders_stream_consumer.py",
        "configs/rows.py",
    }
    assert outcome(of_archive(archive)) == outcome(of_project(stack))


def test_folders_outside_the_project_get_a_place_in_the_archive(tmp_path: Path, out: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    stack = project(tmp_path / "mine", replace={f"path: {LAKE}": f"path: {elsewhere}/lake"})
    elsewhere.mkdir()
    (tmp_path / "mine" / LAKE).rename(elsewhere / "lake")
    archive = submit(stack, out)
    written = yaml.safe_load(text_in(archive, CONFIG))
    assert written["datalake"]["path"] == f"datalake/food/{ROLLNUMBER}/output/orders"
    assert str(tmp_path) not in text_in(archive, CONFIG)
    assert outcome(of_archive(archive)) == outcome(of_project(stack))


def test_the_values_of_the_environment_are_those_of_the_archive(tmp_path: Path, out: Path) -> None:
    source = project(tmp_path / "mine").settings.source
    environment = {"ORDERS_KAFKA__TOPIC": "other_topic", "ORDERS_POSTGRES__PASSWORD": "hunter2"}
    archive = submit(Stack(load_settings(source, environment), reads_environment=False), out)
    written = yaml.safe_load(text_in(archive, CONFIG))
    assert written["kafka"]["topic"] == "other_topic"
    assert written["postgres"]["password"] == PRACTICE_PASSWORD


@pytest.mark.parametrize("pair", ["psycopg2_kafka_python", "pyspark_jdbc"])
def test_programs_of_a_student_are_handed_in_with_the_config_that_they_ran_with(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str], pair: str
) -> None:
    programs = own_programs(tmp_path / "own", pair)
    stack = project(tmp_path / "mine", programs=programs)
    archive = submit(stack, out)
    assert text_in(archive, "producers/orders_cdc_producer.py") == programs.producer.read_text(encoding="utf-8")
    written = yaml.safe_load(text_in(archive, CONFIG))
    assert {section: tuple(key for key in keys if key in written[section]) for section, keys in HAND_OUT.items()} == (
        HAND_OUT
    )
    assert written["postgres"]["password"] == PRACTICE_PASSWORD
    assert outcome(of_archive(archive)) == outcome(of_project(stack))
    said = capsys.readouterr().err
    assert "db/orders.sql is missing" in said
    assert "with ROLLNUMBER=2025em110099" in said


def test_a_state_in_a_folder_stays_in_it(tmp_path: Path, out: Path) -> None:
    folder = STATE.removesuffix(".txt")

    def move(root: Path) -> None:
        (root / folder).mkdir()
        (root / STATE).rename(root / folder / "last_ts.txt")

    stack = project(tmp_path / "mine", lambda one: one.edit(move), {STATE: folder})
    archive = submit(stack, out)
    assert f"{folder}/last_ts.txt" in names_in(archive)
    assert outcome(of_archive(archive)) == outcome(of_project(stack))


def test_the_table_and_the_verdict_are_shown(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submit(project(tmp_path / "mine", lambda one: one.lose(14)), out)
    said = capsys.readouterr()
    assert "FAIL" in said.out.splitlines()[0]
    assert [line.split()[0] for line in said.out.splitlines() if line.startswith(("lake", "rounds", "programs"))]
    assert "verdict on it, without the database: FAIL" in said.out
    assert f"{SAMPLE_ROLLNUMBER} is the roll number of the sample" in said.err


def test_a_missing_round_is_a_warning(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submit(project(tmp_path / "mine", lambda one: one.remove(f"{ROUNDS}/round3.json")), out)
    assert "No record of round3: what it shows cannot be judged. Run `make round3`." in capsys.readouterr().err


def refused(stack: Stack, out: Path) -> str:
    with pytest.raises(KitError) as error:
        run_submit(stack)
    assert not out.exists() or not any(out.iterdir())
    return str(error.value)


def test_nothing_is_packed_while_a_program_runs(tmp_path: Path, out: Path) -> None:
    stack = project(tmp_path / "mine")
    path = lock_file(stack.settings, "consumer")
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "The consumer still runs" in refused(stack, out)


def test_nothing_is_packed_before_a_round(tmp_path: Path, out: Path) -> None:
    def empty(root: Path) -> None:
        shutil.rmtree(root / LAKE)
        shutil.rmtree(root / CHECKPOINT)

    stack = project(tmp_path / "mine", lambda one: one.edit(empty))
    assert "Run `make round1 round2 round3` first" in refused(stack, out)


def test_a_missing_key_of_the_config_is_named(tmp_path: Path, out: Path) -> None:
    programs = own_programs(tmp_path / "own")
    config = tmp_path / "own" / CONFIG
    values = yaml.safe_load(config.read_text(encoding="utf-8"))
    del values["streaming"]["batch_interval"]
    config.write_text(yaml.safe_dump(values), encoding="utf-8")
    assert "streaming.batch_interval is missing" in refused(project(tmp_path / "mine", programs=programs), out)
    config.unlink()
    assert "has no orders_stream.yml" in refused(project(tmp_path / "mine2", programs=programs), out)


def test_a_real_password_stops_it_and_is_not_shown(tmp_path: Path, out: Path) -> None:
    stack = project(tmp_path / "mine", replace={PRACTICE_PASSWORD: "hunter2"})
    said = refused(stack, out)
    assert f"{CONFIG}, line 8: a password other than that of the practice database" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("folder", ["producers/.git", "producers/venv", "consumers/__pycache__", "db/node_modules"])
def test_what_nobody_wrote_stays_out(tmp_path: Path, out: Path, folder: str) -> None:
    programs = own_programs(tmp_path / "own")
    (tmp_path / "own" / folder).mkdir(parents=True)
    (tmp_path / "own" / folder / "large.bin").write_bytes(b"x")
    names = names_in(submit(project(tmp_path / "mine", programs=programs), out))
    assert not [name for name in names if name.startswith(folder)]


def test_a_link_out_of_the_project_is_named(tmp_path: Path, out: Path) -> None:
    programs = own_programs(tmp_path / "own")
    (tmp_path / "outside.py").write_text("x = 1\n")
    (tmp_path / "own" / "producers" / "mine.py").symlink_to(tmp_path / "outside.py")
    said = refused(project(tmp_path / "mine", programs=programs), out)
    assert "mine.py leads to" in said
    lake = tmp_path / "mine2" / LAKE
    stack = project(tmp_path / "mine2", lambda one: one.edit(lambda _: (lake / "linked").symlink_to("nowhere")))
    assert "linked is a link, and the grader follows none" in refused(stack, out)
    (lake / "linked").unlink()
    (lake / "date=2025-11-20").symlink_to(tmp_path)
    assert "date=2025-11-20 is a link to another folder" in refused(stack, out)


def test_too_much_is_refused_with_the_names_of_the_largest(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = own_programs(tmp_path / "own")
    (tmp_path / "own" / "db").mkdir()
    (tmp_path / "own" / "db" / "dump.sql").write_bytes(b"-" * 300_000)
    monkeypatch.setattr(contents, "MAX_BYTES", 200_000)
    said = refused(project(tmp_path / "mine", programs=programs), out)
    assert "195 KB is the limit" in said
    assert "The largest files: db/dump.sql (293 KB)" in said


def test_a_module_that_is_nowhere_is_named(tmp_path: Path, out: Path) -> None:
    programs = own_programs(tmp_path / "own")
    programs.producer.write_text("import no_such_module\n", encoding="utf-8")
    assert "imports no_such_module" in refused(project(tmp_path / "mine", programs=programs), out)


def test_out_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUT", str(tmp_path / "my.zip"))
    with pytest.raises(KitError, match="name a folder"):
        run_submit(project(tmp_path / "mine"))


def test_the_sample_is_what_the_kit_comes_with() -> None:
    values = yaml.safe_load(DEFAULT_CONFIG.read_text(encoding="utf-8"))
    assert values["rollnumber"] == SAMPLE_ROLLNUMBER
    assert values["postgres"]["password"] == PRACTICE_PASSWORD
