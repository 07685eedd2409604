"""A jar that differs from its pin stops setup; one that is missing says how to get it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from configs.errors import KitError
from scripts.services import jars


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user cache that holds one pinned jar of each default group, and none of those for S3."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pins = tmp_path / "pins"
    digest = hashlib.sha256(b"a jar").hexdigest()
    pins.write_text(f"{digest}  kafka/a-1.jar\n{digest}  spark/b-2.jar\n{digest}  s3a/c-3.jar\n", encoding="utf-8")
    monkeypatch.setattr(jars, "PINS", pins)
    for path in jars.pinned():
        (jars.cache_folder() / path).parent.mkdir(parents=True)
        (jars.cache_folder() / path).write_bytes(b"a jar")
    return jars.cache_folder()


def test_jars_that_are_there_need_no_network(cache: Path) -> None:
    assert jars.ensure_jars(Path("/no/java"), Path("/no/ivy"), print) == 0
    assert jars.jar_paths("spark") == [cache / "spark" / "b-2.jar"]


def test_a_jar_that_differs_stops_setup_and_is_not_deleted(cache: Path) -> None:
    (cache / "kafka" / "a-1.jar").write_bytes(b"another jar")
    with pytest.raises(KitError, match=r"a-1.jar is not the jar .* sha256"):
        jars.ensure_jars(Path("/no/java"), Path("/no/ivy"), print)
    assert (cache / "kafka" / "a-1.jar").read_bytes() == b"another jar"


def test_a_missing_jar_names_setup(cache: Path) -> None:
    (cache / "spark" / "b-2.jar").unlink()
    with pytest.raises(KitError, match=r"b-2.jar is missing. Run `make setup`"):
        jars.jar_paths("spark")


def test_an_ivy_that_fails_says_so_and_leaves_no_half(cache: Path, tmp_path: Path) -> None:
    (cache / "spark" / "b-2.jar").unlink()
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'unresolved dependency: not found'\nexit 1\n", encoding="utf-8")
    java.chmod(0o755)
    with pytest.raises(KitError, match="Is there a network"):
        jars.ensure_jars(java, Path("ivy.jar"), print)
    assert not (cache / "spark" / "b-2.jar").exists()
    assert not list(cache.glob(".fetching-*"))


def test_jars_for_s3_are_fetched_only_where_they_are_asked_for(cache: Path, tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho \"$*\" >>'{tmp_path}/calls'\nexit 1\n", encoding="utf-8")
    java.chmod(0o755)
    assert jars.ensure_jars(java, Path("ivy.jar"), print) == 0
    assert not (tmp_path / "calls").exists()
    progress: list[str] = []
    with pytest.raises(KitError):
        jars.ensure_jars(java, Path("ivy.jar"), progress.append, [jars.S3PROXY, jars.S3A])
    assert "-confs s3a -types" in (tmp_path / "calls").read_text(encoding="utf-8")
    assert progress[0].startswith("1 jar missing: downloading the jars of Spark's connector to S3 (282 MB)")


def test_setup_counts_the_default_jars_only() -> None:
    assert len(jars.pinned()) == 51
    assert len(jars.pinned([jars.S3PROXY])) == 20
    assert len(jars.pinned([jars.S3A])) == 2


def test_every_jar_of_the_module_is_pinned() -> None:
    names = {path.partition("/")[2] for path in jars.pinned([*jars.DEFAULT, jars.S3PROXY, jars.S3A])}
    for wanted in (
        "s3proxy-4.1.0",
        "hadoop-aws-3.3.4",
        "aws-java-sdk-bundle-1.12.262",
        "kafka_2.13-4.1.0",
        "kafka-clients-4.1.0",
        "kafka-clients-3.4.1",
        "spark-sql-kafka-0-10_2.12-3.5.1",
        "postgresql-42.7.4",
    ):
        assert f"{wanted}.jar" in names
