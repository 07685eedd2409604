"""SERVICES=docker: the compose file is whole, and everything it asks for comes from the config.

No Docker engine is needed here, so what is tested is the file; `docker compose config` reads it too where it is there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest
import yaml

from configs.settings import load_settings
from scripts.pipeline.services import COMPOSE_FILE, Docker
from scripts.services.stack import Stack


@pytest.fixture
def environment() -> dict[str, str]:
    return dict(Docker(Stack(load_settings(environment={}), "docker")).environment())


def test_the_file_is_valid_and_has_the_three_services() -> None:
    compose = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))
    assert {"postgres", "kafka", "spark-master", "spark-worker"} == set(compose["services"])
    for name, service in compose["services"].items():
        assert re.fullmatch(r"[\w/.-]+:[\w.]+", service["image"]), f"{name}: pin the image"
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or source.startswith("${")
    assert compose["services"]["spark-master"]["image"].endswith(":3.5.1")


def test_every_variable_comes_from_the_config(environment: dict[str, str]) -> None:
    used = set(re.findall(r"\$\{(\w+)", COMPOSE_FILE.read_text(encoding="utf-8")))
    assert used == set(environment)


def test_docker_itself_reads_the_file(environment: dict[str, str]) -> None:
    docker = shutil.which("docker")
    plugin = docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    if not plugin:
        pytest.skip("no `docker compose` here; the tests above read the file without it")
    command = ["docker", "compose", "--file", str(COMPOSE_FILE), "config", "--quiet"]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
