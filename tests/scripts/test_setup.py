"""scripts/kit and scripts/setup.py on a clone: what they refuse, and what they fix."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from configs.settings import PROJECT


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The kit's files, as a clone has them, without a venv."""
    folder = tmp_path / "Übung 1 #%&'s clone"
    (folder / "scripts").mkdir(parents=True)
    for name in ("kit", "setup.py", "__init__.py"):
        shutil.copy(PROJECT / "scripts" / name, folder / "scripts" / name)
    shutil.copytree(PROJECT / "scripts" / "services", folder / "scripts" / "services")
    (folder / "configs").mkdir()
    for name in ("__init__.py", "errors.py", "wording.py"):
        shutil.copy(PROJECT / "configs" / name, folder / "configs" / name)
    shutil.copy(PROJECT / "requirements.txt", folder)
    shutil.copy(PROJECT / "Makefile", folder)
    return folder


def kit(clone: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(clone / "scripts" / "kit"), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=300,
    )


def finished_venv(clone: Path) -> None:
    """The project's own venv in the place of the clone's, marked as finished."""
    (clone / ".venv").symlink_to(Path(sys.prefix))


def test_make_alone_lists_the_verbs_without_setting_anything_up(clone: Path) -> None:
    done = subprocess.run(["make"], cwd=clone, capture_output=True, text=True, check=True)
    assert "make demo" in done.stdout
    assert not (clone / ".venv").exists()


def test_a_python_that_is_not_there_or_too_old_is_refused(clone: Path, tmp_path: Path) -> None:
    old = tmp_path / "python3.8"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    for python in (str(old), "no-such-python"):
        done = kit(clone, "setup", PYTHON=python)
        assert done.returncode == 1
        assert "No usable Python" in done.stderr
        assert python in done.stderr
        assert not (clone / ".venv").exists()


@pytest.mark.parametrize(
    ("version", "said"), [("3.13", "too new"), ("3.9", "too old"), ("3.11", "no venv module"), ("", "does not run")]
)
def test_an_unusable_python_is_named_with_its_version(clone: Path, tmp_path: Path, version: str, said: str) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$2" in *venv*) exit 1 ;; esac\necho "{version}"\n', encoding="utf-8")
    python.chmod(0o755)
    done = kit(clone, "setup", PYTHON=str(python))
    assert said in done.stderr
    assert version in done.stderr


def test_a_verb_on_a_bare_clone_says_that_setup_comes_first(clone: Path, tmp_path: Path) -> None:
    (clone / "scripts" / "setup.py").write_text("raise SystemExit(3)\n", encoding="utf-8")
    done = kit(clone, "scripts", "status", PYTHON=sys.executable)
    assert "setup comes first" in done.stderr
    assert done.returncode == 3


@pytest.mark.parametrize(
    ("locale", "used"),
    [({"LC_ALL": "C"}, "C.UTF-8"), ({"LANG": "de_DE.ISO-8859-1"}, "C.UTF-8"), ({"LANG": "de_DE.utf8"}, "None")],
)
def test_what_runs_has_a_locale_in_which_java_opens_any_path(
    clone: Path, locale: dict[str, str], used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    finished_venv(clone)
    shutil.copy(Path(sys.prefix) / "requirements.installed", clone / "requirements.txt")
    (clone / "shown.py").write_text("import os; print(os.environ.get('LC_ALL'))", encoding="utf-8")
    assert kit(clone, "shown", **locale).stdout == f"{used}\n"


@pytest.mark.jvm
def test_a_second_setup_installs_nothing(clone: Path) -> None:
    if (Path(sys.prefix) / "requirements.installed").read_bytes() != (PROJECT / "requirements.txt").read_bytes():
        pytest.fail("this venv was not finished by `make setup`")
    finished_venv(clone)
    done = kit(clone, "setup", PYTHON=sys.executable)
    assert done.returncode == 0, done.stderr
    assert "Downloading" not in done.stdout
    assert "[4/4]" in done.stdout


@pytest.mark.venv
@pytest.mark.jvm
def test_a_setup_that_ends_is_marked_as_finished_and_verbs_go_on(clone: Path) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    subprocess.run([sys.executable, "-m", "venv", str(clone / ".venv")], check=True)
    # The venv's own Ivy stands for all of the packages, which would take minutes.
    site_packages = Path("lib") / version / "site-packages"
    (clone / ".venv" / site_packages / "pyspark").symlink_to(Path(sys.prefix) / site_packages / "pyspark")
    (clone / "requirements.txt").write_text("# nothing\n", encoding="utf-8")
    done = kit(clone, "json.tool", "--help", PYTHON=sys.executable)
    assert done.returncode == 0, done.stderr
    assert "[4/4]" in done.stdout
    assert (clone / ".venv" / "requirements.installed").read_text(encoding="utf-8") == "# nothing\n"
    assert "[1/4]" not in kit(clone, "json.tool", "--help").stdout


@pytest.mark.venv
def test_a_venv_that_was_left_half_made_is_recreated(clone: Path) -> None:
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "python").write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    (clone / ".venv" / "bin" / "python").chmod(0o755)
    (clone / "requirements.txt").write_text("no-such-package-of-this-kit==1\n", encoding="utf-8")
    done = kit(clone, "setup", PYTHON=sys.executable, PIP_RETRIES="0")
    assert "recreating it" in done.stdout
    assert done.returncode == 1
    assert "Installing packages failed" in done.stderr
    assert "Run `make setup` again" in done.stderr
    assert "Traceback" not in done.stderr
    assert "no-such-package-of-this-kit" in done.stderr
    assert len(done.stdout.splitlines()) <= 3
    assert "no-such-package-of-this-kit" in (clone / ".kit" / "logs" / "setup.log").read_text(encoding="utf-8")
    assert not (clone / ".venv" / "requirements.installed").exists(), (
        "a setup that failed must not pass for a whole one"
    )
    assert subprocess.run([clone / ".venv/bin/python", "-c", "import sys"], check=True, capture_output=True)


@pytest.mark.venv
def test_a_verb_sets_up_first_where_setup_was_not_finished(clone: Path) -> None:
    (clone / "requirements.txt").write_text("no-such-package-of-this-kit==1\n", encoding="utf-8")
    done = kit(clone, "scripts", "status", PYTHON=sys.executable, PIP_RETRIES="0")
    assert "[1/4]" in done.stdout
    assert done.returncode == 1
