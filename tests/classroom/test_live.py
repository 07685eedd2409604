"""Whole live runs, two at a time: an honest submission between some that do harm. Each gets what is its own."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from configs.settings import PROJECT
from scripts.classroom.limits import LiveLimits
from scripts.classroom.live import run_live
from scripts.classroom.result import LiveResult
from tests.classroom.submissions import CONFIG, write_submission

pytestmark = pytest.mark.services
LIMITS = LiveLimits(round_seconds=25, total_seconds=150)
SQL_ATTACKS = (
    "COPY (SELECT 1) TO PROGRAM 'touch /stack/forged'",
    "COPY (SELECT 1) TO '/stack/forged'",
    "SELECT lo_export(lo_from_bytea(0, 'x'), '/stack/forged')",
    "SELECT pg_read_file('/stack/.kit/postgres/data/pg_hba.conf')",
    "DROP DATABASE postgres",
    "DROP DATABASE template1",
    "ALTER SYSTEM SET fsync = on",
    "SET ROLE kit_admin",
    "SET SESSION AUTHORIZATION kit_admin",
    "ALTER ROLE kit_admin PASSWORD 'mine'",
    "CREATE ROLE another SUPERUSER",
    "CREATE EXTENSION file_fdw",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'kit_admin'",
)
ATTACK_IN_PYTHON = f"""
attacker = psycopg2.connect(host="postgres", port=pg["port"], dbname=pg["db"], user=pg["user"], password=pg["password"])
attacker.autocommit = True
for attack in {SQL_ATTACKS!r}:
    with attacker.cursor() as cur:
        try:
            cur.execute(attack)
            print("DONE", cur.rowcount, attack, flush=True)
        except psycopg2.Error as error:
            print("refused", flush=True)
for db in ("postgres", "template1"):
    try:
        psycopg2.connect(host="postgres", port=pg["port"], dbname=db, user=pg["user"], password=pg["password"])
        print("DONE connected to", db)
    except psycopg2.Error:
        print("refused", flush=True)
"""
TRIGGER = """
CREATE FUNCTION cheaper() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.amount := 1; RETURN NEW; END $$;
CREATE TRIGGER cheaper BEFORE INSERT ON "{table}" FOR EACH ROW EXECUTE FUNCTION cheaper();
"""
DELETES = """
import threading
def delete():
    mine = psycopg2.connect(host="postgres", port=pg["port"], dbname=pg["db"], user=pg["user"], password=pg["password"])
    mine.autocommit = True
    while True:
        time.sleep(0.5)
        mine.cursor().execute('UPDATE "%s" SET amount = 7 WHERE order_id > 12 AND amount > 7' % pg["table"])
threading.Thread(target=delete, daemon=True).start()
"""
FORGES = """
import os
os.makedirs("/student/pipeline/evidence", exist_ok=True)
for target, link in (("/etc/passwd", "link"), ("/stack", "stack"), ("/", "root")):
    os.symlink(target, "/student/pipeline/" + link)
os.mkfifo("/student/pipeline/pipe")
open("/student/pipeline/report.json", "w").write('{"score": 20}')
"""
DEEP_YAML = (
    CONFIG
    + "a: &a [x, x, x]\n"
    + "".join(
        f"{chr(98 + at)}: &{chr(98 + at)} [*{chr(97 + at)}, *{chr(97 + at)}, *{chr(97 + at)}, *{chr(97 + at)}]\n"
        for at in range(20)
    )
)


@dataclass(frozen=True)
class Ran:
    result: LiveResult
    out: Path
    steps: list[str]

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.out / "report.json").read_text(encoding="utf-8"))
        return report

    def log(self, name: str) -> str:
        return (self.out / "logs" / f"{name}.log").read_text(encoding="utf-8", errors="replace")


@pytest.fixture(scope="module")
def ran(needs_bubblewrap: None, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Ran]:
    folder = tmp_path_factory.mktemp("class")
    submissions = {
        "honest": write_submission(folder, 100),
        "attacks through SQL": write_submission(
            folder, 101, producer=ATTACK_IN_PYTHON, sql=";\n".join(SQL_ATTACKS) + ";\n\\! touch /stack/forged\n"
        ),
        "a trigger changes rows": write_submission(folder, 102, sql=TRIGGER),
        "changes the rounds' rows": write_submission(folder, 103, producer=DELETES),
        "ends": write_submission(folder, 104, consumer="import no_such_library"),
        "never publishes": write_submission(folder, 105, producer="time.sleep(10_000)"),
        "prints a gigabyte": write_submission(folder, 106, producer="while True: print('x' * 10_000)"),
        "links and pipes": write_submission(folder, 107, producer=FORGES),
        "a YAML bomb": write_submission(folder, 108, config=DEEP_YAML.replace("{", "{{").replace("}", "}}")),
        "closes its database": write_submission(folder, 110, sql="ALTER DATABASE shop CONNECTION LIMIT 0;"),
        "no programs": folder / "empty",
        "honest again": write_submission(folder, 109),
    }
    (folder / "empty").mkdir()
    shutil.copy(PROJECT / "db" / "orders.sql", submissions["ends"] / "food_delivery_streaming" / "local" / "db")

    def run(name: str) -> Ran:
        steps: list[str] = []
        out = folder / "out" / name
        result = run_live(submissions[name], out, sandbox="bubblewrap", limits=LIMITS, on_step=steps.append)
        return Ran(result, out, steps)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(submissions, pool.map(run, submissions), strict=True))


def test_an_honest_submission_runs_through_all_rounds(ran: Mapping[str, Ran]) -> None:
    for name in ("honest", "honest again"):
        result, report = ran[name].result, ran[name].report
        assert (result.producer, result.consumer, result.note, result.is_machine_fault) == ("ran", "ran", "", False)
        assert report["facts"]["rows"] == 27
        assert report["facts"]["database_rows"] == 29
        passed = {check["id"] for check in report["checks"] if check["status"] == "PASS"}
        assert {"round_rows_arrived", "round_added_exactly", "no_missing_orders", "values_match_database"} <= passed
    first, again = ran["honest"].report, ran["honest again"].report
    assert first["score"] == again["score"]


def test_sql_attacks_are_refused_and_cost_nothing_else(ran: Mapping[str, Ran]) -> None:
    one = ran["attacks through SQL"]
    assert (one.result.producer, one.result.consumer) == ("ran", "ran")
    log = one.log("producer")
    done = [line for line in log.splitlines() if line.startswith("DONE") and not line.startswith("DONE 0 ")]
    assert done == []
    assert log.count("refused") >= len(SQL_ATTACKS)
    assert one.log("sql").count("ERROR:") >= len(SQL_ATTACKS) - 1
    assert one.report["score"] == ran["honest"].report["score"]


def test_a_trigger_that_changes_the_rounds_rows_is_named(ran: Mapping[str, Ran]) -> None:
    note = ran["a trigger changes rows"].result.note
    assert "the trigger cheaper" in note
    assert "Postgres has 1.00" in note
    assert ran["a trigger changes rows"].report["score"] < ran["honest"].report["score"]


def test_rows_of_the_rounds_that_were_changed_later_are_noticed(ran: Mapping[str, Ran]) -> None:
    assert "The table was altered" in ran["changes the rounds' rows"].result.note


def test_a_program_that_ends_is_named_with_its_last_error(ran: Mapping[str, Ran]) -> None:
    result = ran["ends"].result
    assert (result.producer, result.consumer) == ("ran", "not started")
    assert "no_such_library" in result.note
    assert not result.is_machine_fault
    assert ran["ends"].report["score"] < ran["honest"].report["score"] / 2


def test_a_program_that_never_publishes_is_hung(ran: Mapping[str, Ran]) -> None:
    result = ran["never publishes"].result
    assert (result.producer, result.consumer) == ("hung", "ran")
    assert "The producer ran and published nothing" in result.note
    assert result.may_do_better_alone


def test_a_program_that_prints_a_gigabyte_is_killed_and_its_log_is_short(ran: Mapping[str, Ran]) -> None:
    one = ran["prints a gigabyte"]
    assert one.result.producer == "killed: output"
    assert "it printed more than 16 MiB" in one.result.note
    assert (one.out / "logs" / "producer.log").stat().st_size <= 4 << 20


def test_evidence_is_copied_as_data(ran: Mapping[str, Ran]) -> None:
    one = ran["links and pipes"]
    kinds = {stat.S_IFMT(path.lstat().st_mode) for path in one.out.rglob("*")}
    assert kinds == {stat.S_IFREG, stat.S_IFDIR}
    assert one.report["score"] == ran["honest"].report["score"]
    assert not (one.out / ".running").exists()


def test_a_yaml_bomb_costs_only_its_own_config(ran: Mapping[str, Ran]) -> None:
    one = ran["a YAML bomb"]
    assert not one.result.is_machine_fault
    assert [check["status"] for check in one.report["checks"] if check["id"] == "config_valid"] == ["FAIL"]


def test_the_kits_own_sql_makes_the_table_of_the_students_roll_number(ran: Mapping[str, Ran]) -> None:
    assert "The table is the kit's" not in ran["ends"].result.note


def test_sql_that_closes_its_database_is_the_submissions_fault(ran: Mapping[str, Ran]) -> None:
    one = ran["closes its database"]
    assert (one.result.producer, one.result.consumer) == ("not started", "not started")
    assert not one.result.is_machine_fault
    assert "too many connections" in one.result.note
    assert one.report["score"] < ran["honest"].report["score"] / 2


def test_programs_that_are_not_there_are_named(ran: Mapping[str, Ran]) -> None:
    result = ran["no programs"].result
    assert (result.producer, result.consumer) == ("not found", "not found")
    assert "orders_cdc_producer.py" in result.note


def test_nothing_is_left_running(ran: Mapping[str, Ran]) -> None:
    mine = psutil.Process(os.getpid()).children(recursive=True)
    assert [child.name() for child in mine if child.name() in ("java", "postgres", "psql")] == []
    assert [child for child in mine if "scripts.classroom.worker" in child.cmdline()] == []
