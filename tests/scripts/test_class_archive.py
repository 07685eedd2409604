"""An archive of classes is used where it fits, and can never stop a program: damaged, foreign, half made or missing."""

from __future__ import annotations

import fcntl
import gzip
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from configs.errors import KitError
from scripts.services import class_archive, jars, spark_home
from scripts.services.class_archive import KAFKA, SPARK, archive_file, archive_options, make_missing
from scripts.services.java import Java, require_java

REAL_JAR = class_archive.spark_package() / "jars" / "aopalliance-repackaged-2.6.1.jar"
REAL_CLASS = "org/aopalliance/intercept/Interceptor"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with a jar of each group and short lists of classes; returns a pyspark package with two jars."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    pins = tmp_path / "pins"
    pins.write_text("0  kafka/a-1.jar\n0  spark/b-2.jar\n", encoding="utf-8")
    monkeypatch.setattr(jars, "PINS", pins)
    for path in jars.pinned():
        write_jar(jars.cache_folder() / path)
    lists = {group: tmp_path / f"{group}.gz" for group in (SPARK, KAFKA)}
    for listed in lists.values():
        listed.write_bytes(gzip.compress(b"java/lang/Object\njava/lang/String\njava/util/HashMap\n"))
    monkeypatch.setattr(class_archive, "CLASSES", lists)
    folder = tmp_path / "site-packages" / "pyspark"
    for name in ("spark-core_2.12-3.5.1.jar", "other-1.jar"):
        write_jar(folder / "jars" / name)
    (folder / "bin").mkdir()
    (folder / "python" / "lib").mkdir(parents=True)
    for name in ("pyspark.zip", "py4j-0.10-src.zip"):
        (folder / "python" / "lib" / name).write_bytes(b"zip")
    return folder


def write_jar(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")


def java_in(home: Path, script: str = "exit 1") -> Java:
    """A shell script in the place of Java."""
    executable = home / "bin" / "java"
    executable.parent.mkdir(parents=True, exist_ok=True)
    executable.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    executable.chmod(0o755)
    return Java(home, "17.0.1", "a test")


def run_java(java: Java, package: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """A JVM that ends at once, on the class path of a Spark program."""
    path = class_archive.class_path(SPARK, package)
    command = [str(java.executable), *archive_options(SPARK, java, package), *options, "-cp", path, "-version"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_name_changes_with_java_jars_and_classes(package: Path, tmp_path: Path) -> None:
    java = java_in(tmp_path / "java")
    seen = [archive_file(SPARK, java, package)]

    def is_new() -> bool:
        seen.append(archive_file(SPARK, java, package))
        return len(set(seen)) == len(seen)

    assert archive_file(SPARK, java, package) == seen[0], "the same must give the same name"
    for other in (Java(java.home, "17.0.2", "a test"), java_in(tmp_path / "another java")):
        assert archive_file(SPARK, other, package) not in seen
    connector = jars.cache_folder() / "spark" / "b-2.jar"
    os.utime(connector, (1, 1))
    assert is_new(), "the time of a jar: Java compares it"
    with zipfile.ZipFile(connector, "a") as jar:
        jar.writestr("more", "x")
    os.utime(connector, (1, 1))
    assert is_new(), "the size of a jar"
    write_jar(package / "jars" / "new-1.jar")
    assert is_new(), "a new jar of Spark"
    class_archive.CLASSES[SPARK].write_bytes(gzip.compress(b"java/lang/Object\n"))
    assert is_new(), "the list of classes"


def test_without_an_archive_java_gets_no_option(package: Path, tmp_path: Path) -> None:
    java = java_in(tmp_path / "java")
    assert archive_options(SPARK, java, package) == []
    assert class_archive.are_missing(java, package)


def test_an_archive_that_java_could_not_finish_gets_no_name(package: Path, tmp_path: Path) -> None:
    half = 'for word; do case $word in -XX:SharedArchiveFile=*) echo half > "${word#*=}" ;; esac; done; '
    java = java_in(tmp_path / "java", half + "echo no space left >&2; exit 1")
    with pytest.raises(KitError, match="no space left"):
        make_missing(java, package)
    folder = archive_file(KAFKA, java, package).parent
    assert [path.name for path in folder.iterdir()] == [".lock"]


def test_only_one_makes_archives_and_clears_up_after_one_that_was_killed(package: Path, tmp_path: Path) -> None:
    writes = 'for word; do case $word in -XX:SharedArchiveFile=*) echo whole > "${word#*=}" ;; esac; done'
    java = java_in(tmp_path / "java", writes)
    folder = archive_file(KAFKA, java, package).parent
    (folder / ".making-killed").mkdir(parents=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert make_missing(java, package) == []
        assert (folder / ".making-killed").is_dir(), "what another is making must stay"
    made = make_missing(java, package)
    assert made == [archive_file(group, java, package) for group in (KAFKA, SPARK)]
    assert not (folder / ".making-killed").exists()
    assert not class_archive.are_missing(java, package)
    assert make_missing(java, package) == []


def test_archives_of_old_versions_are_removed_in_the_end(package: Path, tmp_path: Path) -> None:
    writes = 'for word; do case $word in -XX:SharedArchiveFile=*) echo whole > "${word#*=}" ;; esac; done'
    java = java_in(tmp_path / "java", writes)
    folder = archive_file(KAFKA, java, package).parent
    folder.mkdir(parents=True)
    for age in range(1, 6):
        (folder / f"kafka-{age}.jsa").touch()
        os.utime(folder / f"kafka-{age}.jsa", (1e9 - age, 1e9 - age))
    (new, _) = make_missing(java, package)
    assert sorted(path.name for path in folder.glob("kafka-*")) == sorted([new.name, "kafka-1.jsa", "kafka-2.jsa"])


@pytest.mark.jvm
def test_a_damaged_or_foreign_archive_stops_no_program_and_says_nothing(package: Path) -> None:
    for path in jars.pinned():  # with a class of each jar: Java compares the jars that it has classes of
        shutil.copy(REAL_JAR, jars.cache_folder() / path)
    for listed in class_archive.CLASSES.values():
        listed.write_bytes(gzip.compress(f"java/lang/Object\n{REAL_CLASS}\n".encode()))
    java = require_java()
    make_missing(java, package)
    file = archive_file(SPARK, java, package)
    whole = run_java(java, package, "-Xshare:on")  # on: Java ends if it cannot take the archive
    assert whole.returncode == 0, whole.stderr
    assert "mixed mode, sharing" in whole.stderr
    quiet = (whole.stdout + whole.stderr).replace(", sharing", "")
    content = file.read_bytes()
    foreign = archive_file(KAFKA, java, package).read_bytes()  # of another class path
    other_build = content.replace(java.version.encode(), java.version.replace("17", "16").encode(), 1)
    damages = {
        "empty": b"",
        "a header cut short": content[:100],
        "cut to the header": content[:4096],
        "cut in the middle": content[: len(content) // 2],
        "the last page missing": content[:-4096],
        "no archive": b"no archive at all\n" * 5000,
        "of another class path": foreign,
        "of another build of Java": other_build,
    }
    assert other_build != content
    for damage, data in damages.items():
        file.unlink()
        file.write_bytes(data)
        assert run_java(java, package, "-Xshare:on").returncode != 0, f"{damage}: it is taken"
        done = run_java(java, package)
        assert (done.returncode, done.stdout + done.stderr) == (0, quiet), damage


@pytest.mark.jvm
def test_an_archive_is_no_longer_taken_after_a_jar_was_replaced(package: Path) -> None:
    java = require_java()
    make_missing(java, package)
    options = archive_options(SPARK, java, package)
    write_jar(spark_home.shared_home(package) / "jars" / "other-1.jar")
    os.utime(spark_home.shared_home(package) / "jars" / "other-1.jar", (1, 1))
    assert archive_options(SPARK, java, package) == []
    path = class_archive.class_path(SPARK, package)
    done = subprocess.run([str(java.executable), *options, "-cp", path, "-version"], capture_output=True, check=False)
    assert done.returncode == 0
    assert b"warning" not in done.stdout + done.stderr


def test_sparks_home_has_what_spark_submit_needs_and_no_second_pyspark(package: Path) -> None:
    assert spark_home.spark_home(package) == package
    spark_home.make_shared_home(package)
    home = spark_home.spark_home(package)
    assert home != package
    assert home.name.startswith("3.5.1-")
    assert sorted(path.name for path in (home / "jars").iterdir()) == ["other-1.jar", "spark-core_2.12-3.5.1.jar"]
    assert [path.name for path in (home / "python" / "lib").iterdir()] == ["py4j-0.10-src.zip"]


def test_a_home_that_lacks_a_jar_is_not_used_and_is_made_again(package: Path) -> None:
    spark_home.make_shared_home(package)
    (spark_home.shared_home(package) / "jars" / "other-1.jar").unlink()
    assert spark_home.spark_home(package) == package
    spark_home.make_shared_home(package)
    assert spark_home.spark_home(package) == spark_home.shared_home(package)


def test_two_clones_share_a_home_and_another_version_gets_its_own(package: Path, tmp_path: Path) -> None:
    second = tmp_path / "second clone" / "pyspark"
    shutil.copytree(package, second)
    spark_home.make_shared_home(package)
    assert spark_home.spark_home(second) == spark_home.spark_home(package) != package
    write_jar(second / "jars" / "more-1.jar")
    assert spark_home.spark_home(second) == second


def test_across_file_systems_jars_are_copied_with_their_times(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    spark_home.make_shared_home(package)
    source, target = (home / "jars" / "other-1.jar" for home in (package, spark_home.spark_home(package)))
    assert target.stat().st_ino != source.stat().st_ino
    assert target.stat().st_mtime_ns == source.stat().st_mtime_ns
