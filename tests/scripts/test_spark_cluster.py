"""Spark's cluster without a JVM: which parts it has and where, and what a program gets for it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from configs.settings import Spark, load_settings
from scripts.pipeline.services import External, services_of
from scripts.pipeline.temporary_stack import write_config
from scripts.services import spark_cluster, spark_environment
from scripts.services.java import Java
from scripts.services.stack import Stack
from scripts.status import logs, names


def stack(folder: Path, services: str = "embedded", **spark: Any) -> Stack:
    changes = {"spark": {"master": "spark://127.0.0.1:7077", **spark}}
    return Stack(load_settings(write_config(folder, changes, "2025test01"), environment={}), services)


@pytest.mark.parametrize(
    ("master", "is_local"),
    [
        ("spark://127.0.0.1:7077", True),
        ("spark://localhost:7077", True),
        ("spark://10.0.0.5:7077", False),
        ("spark://127.0.0.1:7077,127.0.0.1:7078", False),
        ("local[2]", False),
        ("yarn", False),
    ],
)
def test_only_one_master_of_this_machine_is_started(master: str, is_local: bool) -> None:
    assert spark_cluster.is_local(Spark(master=master)) == is_local


def test_pages_are_at_the_ports_after_the_masters(tmp_path: Path) -> None:
    made = stack(tmp_path)
    nodes = spark_cluster.nodes(made)
    assert [(node.name, node.ports) for node in nodes] == [
        ("spark_master", (7077, 7078)),
        ("spark_worker_1", (7079,)),
        ("spark_worker_2", (7080,)),
    ]
    assert [port.number for port in services_of(made).ports()][-4:] == [7077, 7078, 7079, 7080]
    assert names(made)[-5:] == ("spark_master", "spark_worker_1", "spark_worker_2", "producer", "consumer")


def test_a_config_without_a_cluster_has_no_part_of_it(tmp_path: Path) -> None:
    made = stack(tmp_path, master="local[2]")
    assert spark_cluster.nodes(made) == ()
    assert not any("spark" in one.name for one in services_of(made).status())
    assert services_of(made).down() == ["Kafka was not running", "Postgres was not running"]


@pytest.mark.parametrize("services", ["embedded", "external"])
def test_a_cluster_of_another_machine_is_external(tmp_path: Path, services: str) -> None:
    made = stack(tmp_path, services, master="spark://10.0.0.5:7077")
    (found,) = [one for one in services_of(made).status() if one.name == "spark_master"]
    assert (found.state, found.address) == ("external", "spark://10.0.0.5:7077")


def test_a_local_cluster_is_not_started_with_external_services(tmp_path: Path) -> None:
    made = stack(tmp_path, "external")
    assert isinstance(services_of(made), External)
    assert services_of(made).ports() == ()


def test_a_worker_has_memory_for_an_executor_of_each_program() -> None:
    assert spark_cluster.worker_memory("640m") == "1280m"
    assert spark_cluster.worker_memory("2g") == "4g"


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_environment, "require_java", lambda: Java(Path("/java"), "17.0.1", "a test"))
    monkeypatch.setattr(spark_environment, "archive_options", lambda *_: ["-XX:SharedArchiveFile=/a b.jsa"])
    monkeypatch.setattr(spark_environment, "jar_paths", lambda _: [Path("/jars/a.jar"), Path("/jars/b.jar")])


def options(made: Stack) -> dict[str, str]:
    lines = spark_environment.spark_environment(made.settings)["PROGRAM_OPTIONS"].splitlines()
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


@pytest.mark.usefixtures("no_java")
def test_executors_of_this_machine_use_the_drivers_files(tmp_path: Path) -> None:
    made = stack(tmp_path, cores=2, executor_memory="1g")
    found = options(made)
    assert (found["spark.cores.max"], found["spark.executor.memory"]) == ("2", "1g")
    assert found["spark.driver.host"] == "127.0.0.1"
    assert found["spark.executor.extraClassPath"] == "/jars/a.jar:/jars/b.jar"
    assert "spark.jars" not in found
    java = shlex.split(found["spark.executor.defaultJavaOptions"])
    assert {"-Duser.timezone=UTC", "-XX:+UseSerialGC", "-XX:-UsePerfData"} < set(java)
    assert "-XX:SharedArchiveFile=/a b.jsa" in java
    assert spark_environment.spark_environment(made.settings)["PROGRAM_LOCAL_IP"] == "127.0.0.1"


@pytest.mark.usefixtures("no_java")
def test_executors_of_another_machine_get_the_jars_and_no_path_of_this_one(tmp_path: Path) -> None:
    made = stack(tmp_path, master="spark://10.0.0.5:7077")
    found = options(made)
    assert found["spark.jars"] == "/jars/a.jar,/jars/b.jar"
    assert "spark.driver.host" not in found
    assert "/" not in found["spark.executor.defaultJavaOptions"]
    assert "-Duser.timezone=UTC" in found["spark.executor.defaultJavaOptions"]
    assert spark_environment.spark_environment(made.settings)["PROGRAM_LOCAL_IP"] == ""


@pytest.mark.usefixtures("no_java")
def test_without_a_cluster_a_program_gets_nothing_for_one(tmp_path: Path) -> None:
    made = stack(tmp_path, master="local[2]")
    assert options(made) == {}
    assert spark_environment.spark_environment(made.settings)["PROGRAM_LOCAL_IP"] == "127.0.0.1"


def test_logs_show_what_executors_logged_without_their_command(tmp_path: Path) -> None:
    made = stack(tmp_path)
    work = made.home / "spark" / "worker_1" / "work" / "app-1"
    for number, text in ((0, "WARN  lost\n"), (1, "")):
        (work / str(number)).mkdir(parents=True)
        command = f'Spark Executor Command: "java" "-Xmx640M"\n{"=" * 40}\n\n'
        (work / str(number) / "stderr").write_text(command + text, encoding="utf-8")
    made.logs.mkdir(parents=True)
    made.log("spark_master").write_text("INFO  up\n", encoding="utf-8")
    shown = logs(made)
    assert shown.endswith(f"{work / '0' / 'stderr'}\n  WARN  lost")
    assert "INFO  up" in shown
    assert "Command" not in shown
