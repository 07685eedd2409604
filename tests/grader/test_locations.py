"""Any real submission: where its lake, checkpoint and state are when its config does not say, or says wrong."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grader.__main__ import main
from grader.builder import CHECKPOINT, CONFIG, LAKE, ROUNDS, STATE, Submission
from grader.evidence import Evidence
from grader.evidence.config import submitted_config
from grader.evidence.database import Database
from grader.evidence.locations import locate


@pytest.fixture
def submission(tmp_path: Path) -> Submission:
    return Submission(tmp_path / "2025em1100471")


def replace(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def grade(root: Path, *options: str) -> dict[str, object]:
    main(["grade", str(root), "--database", "off", *options])
    report: dict[str, object] = json.loads((root / "reports" / "report.json").read_text())
    return report


def rows_of(report: dict[str, object]) -> object:
    facts = report["facts"]
    assert isinstance(facts, dict)
    return facts["rows"]


def add_quarantine(root: Path, lake: str = f"{LAKE}_quarantine", checkpoint: str = f"{CHECKPOINT}_quarantine") -> None:
    """As a second stream leaves it, under any name."""
    (root / lake / "_spark_metadata").mkdir(parents=True)
    names = ("reason", "topic", "partition", "offset", "timestamp", "raw")
    table = pa.table({name: pa.array(["1"]) for name in names})
    pq.write_table(table, root / lake / "part-0.parquet")
    path = (root / lake / "part-0.parquet").absolute()
    line = json.dumps({"path": path.as_uri(), "size": path.stat().st_size, "action": "add"})
    (root / lake / "_spark_metadata" / "0").write_text(f"v1\n{line}")
    shutil.copytree(root / CHECKPOINT, root / checkpoint, dirs_exist_ok=True)


def absolute_elsewhere(root: Path) -> None:
    for old, new in ((LAKE, "/datalake/orders"), (CHECKPOINT, "/checkpoints/orders"), (STATE, "/state/last.txt")):
        replace(root / CONFIG, f": {old}", f": {new}")


def on_s3(root: Path) -> None:
    for old in (LAKE, CHECKPOINT):
        replace(root / CONFIG, f": {old}", f": s3a://bucket/{old}")


def no_config(root: Path) -> None:
    (root / CONFIG).unlink()


def broken_config(root: Path) -> None:
    (root / CONFIG).write_text("postgres: [")


def config_with_another_name(root: Path) -> None:
    (root / CONFIG).rename(root / CONFIG.replace("orders_stream", "settings"))


def config_names_empty_folders(root: Path) -> None:
    replace(root / CONFIG, f": {LAKE}", ": lake")
    replace(root / CONFIG, f": {CHECKPOINT}", ": ckpt")
    for name in ("lake", "ckpt"):
        (root / name).mkdir()


def moved_deep(root: Path) -> None:
    no_config(root)
    for name in ("datalake", "checkpoints", "state"):
        (root / "a" / "b" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).rename(root / "a" / "b" / name)


def moved_sink_log(root: Path) -> None:
    no_config(root)
    (root / LAKE / "_spark_metadata").rename(root / LAKE / ".." / "_spark_metadata")


CHANGES = [
    moved_sink_log,
    absolute_elsewhere,
    on_s3,
    no_config,
    broken_config,
    config_with_another_name,
    config_names_empty_folders,
    moved_deep,
]


@pytest.mark.parametrize("with_quarantine", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_found_by_shape(change: Callable[[Path], None], with_quarantine: bool, submission: Submission) -> None:
    root = submission.build()
    if with_quarantine:
        add_quarantine(root, "datalake/a_first", "checkpoints/a_quarantine")
    change(root)
    places = locate(submitted_config(root, None))
    assert places.lake is not None
    assert places.lake.name == "orders"
    assert places.checkpoint is not None
    assert places.checkpoint.name == "orders"
    assert places.state is not None
    assert places.state.name == Path(STATE).name
    assert (places.rounds / "round1.json").is_file()
    report = grade(root)
    assert rows_of(report) == 20
    assert any("found by its shape" in line or "config: found" in line for line in report["assumptions"])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("column", "kind", "line"),
    [
        ("amount", "string", "amount is text and was read as a number"),
        ("created_at", "string", "created_at is text and was read as UTC"),
        ("created_at", "int96", "created_at has no time zone"),
    ],
)
def test_what_was_assumed_of_types_is_in_the_report(column: str, kind: str, line: str, submission: Submission) -> None:
    submission.types[column] = kind
    report = grade(submission.build())
    assert report["verdict"] == "pass"
    assert any(line in said for said in report["assumptions"])  # type: ignore[attr-defined]


def test_a_quarantine_is_not_the_lake_though_the_config_says_so(submission: Submission) -> None:
    root = submission.build()
    add_quarantine(root)
    replace(root / CONFIG, f": {LAKE}", f": {LAKE}_quarantine")
    assert rows_of(grade(root)) == 20


def test_a_quarantine_alone_is_no_lake(submission: Submission) -> None:
    root = submission.build()
    add_quarantine(root)
    shutil.rmtree(root / LAKE)
    assert locate(submitted_config(root, None)).lake in (None, root / LAKE)
    assert rows_of(grade(root)) is None


def test_other_parquet_is_not_the_lake(submission: Submission) -> None:
    root = submission.build()
    (root / "aaa").mkdir()
    pq.write_table(pa.table({"x": [1]}), root / "aaa" / "test.parquet")
    no_config(root)
    assert rows_of(grade(root)) == 20


def test_a_flat_lake_without_dates_or_log(submission: Submission) -> None:
    root = submission.build()
    for n, path in enumerate(sorted((root / LAKE).glob("date=*/*.parquet"))):
        path.rename(root / LAKE / f"{n}.parquet")
    for path in (root / LAKE).iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    no_config(root)
    assert rows_of(grade(root)) == 20


@pytest.mark.parametrize(
    "text",
    [
        "2025-11-19 12:24:20",
        "2025-11-19 12:24:20.123456",
        "2025-11-19 12:24:20.123456|20",
        "2025-11-19T12:24:20.123456Z\n",
        '{"last_processed_timestamp": "2025-11-19T12:24:20.123456"}',
        '"2025-11-19T12:24:20.123456+00:00"',
    ],
)
@pytest.mark.parametrize("place", ["state/last_processed_timestamp", "x/producer_state.json", "cp/last_ts.txt/part-0"])
def test_every_form_of_state(place: str, text: str, submission: Submission) -> None:
    root = submission.build()
    (root / STATE).unlink()
    no_config(root)
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_text(text)
    evidence = Evidence(submitted_config(root, None), Database(None, "none"))
    assert evidence.state.value is not None
    assert evidence.state.value.timestamp.isoformat().startswith("2025-11-19T12:24:20")


@pytest.mark.parametrize(
    "linked", ["datalake", "checkpoints", "state", f"{CHECKPOINT}/offsets", f"{LAKE}/_spark_metadata"]
)
def test_what_a_link_leads_to_is_not_read(linked: str, submission: Submission, tmp_path: Path) -> None:
    root = submission.build()
    (root / linked).rename(tmp_path / "outside")
    (root / linked).symlink_to(tmp_path / "outside")
    evidence = Evidence(submitted_config(root, None), Database(None, "none"))
    what: dict[str, object] = {
        "datalake": evidence.lake.exists,
        "state": evidence.state.exists or evidence.rounds.runs,
        "checkpoints": evidence.checkpoint.exists,
        f"{CHECKPOINT}/offsets": evidence.checkpoint.offset_batches,
        f"{LAKE}/_spark_metadata": evidence.lake.log,
    }
    assert not what[linked]


@pytest.mark.parametrize(
    "place", [STATE, f"{CHECKPOINT}/metadata", f"{CHECKPOINT}/sources/0/0", f"{CHECKPOINT}/.metadata.crc"]
)
@pytest.mark.parametrize("kind", ["pipe", "device", "secret"])
def test_pipes_devices_and_links_are_not_waited_for(
    kind: str, place: str, submission: Submission, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = submission.build()
    (root / place).unlink()
    (tmp_path / "secret").write_text("v1 SECRET 2025-11-19T12:24:20.123456Z")
    if kind == "pipe":
        os.mkfifo(root / place)
    else:
        (root / place).symlink_to("/dev/zero" if kind == "device" else tmp_path / "secret")
    report = grade(root)
    assert report["verdict"] in ("pass", "fail")
    assert "SECRET" not in json.dumps(report)
    assert "SECRET" not in capsys.readouterr().out


def test_a_yaml_bomb_is_a_finding(submission: Submission) -> None:
    root = submission.build()
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{later}: &{later} [{', '.join([f'*{earlier}'] * 9)}]" for earlier, later in itertools.pairwise("abcdefghi")
    ]
    (root / CONFIG).write_text("\n".join(lines))
    config = submitted_config(root, None)
    assert config.problems == (f"{CONFIG}: refers to its own values more than 20 times; write them out",)
    (root / CONFIG).write_text("x: " + "y" * 300_000)
    assert "larger than" in submitted_config(root, None).problems[0]


@pytest.mark.parametrize(
    ("host", "option", "asked"),
    [
        ("127.0.0.1", "auto", True),
        ("localhost", "auto", True),
        ("::1", "auto", True),
        ("db.example.org", "auto", False),
        ("10.0.0.5", "auto", False),
        ("127.0.0.1,db.example.org", "auto", False),
        ("/var/run/postgresql", "auto", False),
        ("db.example.org", "on", True),
        ("127.0.0.1", "off", False),
    ],
)
def test_which_database_is_asked(
    host: str, option: str, asked: bool, submission: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg2

    knocked = list[object]()

    def connect(**where: object) -> None:
        knocked.append(where["host"])
        raise psycopg2.OperationalError("no")

    monkeypatch.setattr(psycopg2, "connect", connect)
    root = submission.build()
    replace(root / CONFIG, "  host: 127.0.0.1", f"  host: {host!r}")
    main(["grade", str(root), "--database", option])
    assert knocked == ([host] if asked else [])
    if not asked and option == "auto":
        report = json.loads((root / "reports" / "report.json").read_text())
        found = {check["id"]: check["actual"] for check in report["checks"]}
        assert "to read it, use --database on" in found["no_missing_orders"]


def test_rounds_are_where_the_config_is(submission: Submission, tmp_path: Path) -> None:
    submission.folder = tmp_path / "a" / "b"
    submission.build()
    assert locate(submitted_config(tmp_path, None)).rounds == tmp_path / "a" / "b" / ROUNDS
