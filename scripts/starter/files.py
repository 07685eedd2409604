"""Which files of this kit a student's kit has. A new package needs one line here, in INCLUDED or in EXCLUDED.

Each line is a file, or a folder with a / at its end. The longest line that fits a file decides.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from configs.settings import PROJECT

INCLUDED = (
    ".gitignore",
    "LICENSE",
    "checkpoints/",
    "configs/",
    "consumers/",
    "datalake/",
    "db/",
    "docs/glossary.md",
    "docs/pictures/report.png",
    "docs/report.schema.json",
    "docs/reports.md",
    "docs/student.md",
    "grader/",
    "grader/class_run/__init__.py",
    "grader/class_run/names.py",
    "producers/",
    "reports/",
    "scripts/__init__.py",
    "scripts/__main__.py",
    "scripts/clients/",
    "scripts/consumer_spark_submit.sh",
    "scripts/demo.py",
    "scripts/doctor.py",
    "scripts/insert_test_orders.py",
    "scripts/insert_test_orders.sql",
    "scripts/kit",
    "scripts/pipeline/",
    "scripts/producer_spark_submit.sh",
    "scripts/rounds/",
    "scripts/services/",
    "scripts/setup.py",
    "scripts/show.py",
    "scripts/spark_submit.sh",
    "scripts/status.py",
    "scripts/submit/",
    "scripts/watch/",
    "state/",
    "tests/contract/",
)
EXCLUDED = (
    ".ci/",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "configs/cluster.yml",
    "configs/course.yml",
    "consumers/message_counts.py",
    "consumers/order_id_store.py",
    "consumers/shared_folders.py",
    "docs/",
    "grader/class_run/",
    "grader/selftest/",
    "requirements-cluster.txt",
    "requirements-docs.txt",
    "requirements-platforms.txt",
    "scripts/bench/",
    "scripts/classroom/",
    "scripts/docs_venv.py",
    "scripts/documents.py",
    "scripts/drills/",
    "scripts/fidelity/",
    "scripts/generated/",
    "scripts/handout/",
    "scripts/layers.py",
    "scripts/pitfalls/",
    "scripts/platforms/",
    "scripts/pictures/",
    "scripts/record_classes.py",
    "scripts/site/",
    "scripts/starter/",
    "tests/",
)
# Made from ours, or a text of their own beside this file; see generate.py.
MADE = (
    "Makefile",
    "README.md",
    "configs/orders_stream.yml",
    "docs/assignment.md",
    "docs/checks.md",
    "pyproject.toml",
    "requirements.txt",
)

# Of the Makefile: variables that only verbs of an instructor read.
INSTRUCTORS_VARIABLES = frozenset(
    (
        "DRILL",
        "SEED",
        "RUNS",
        "RECORD",
        "SUBMISSIONS",
        "WORKERS",
        "ROSTER",
        "ONLY",
        "ASSIGNMENT",
        "LIVE",
        "LOAD",
        "SANDBOX",
        "SCHEDULER",
        "LEVEL",
        "VERIFY",
    )
)
# Of requirements.txt: packages for developers that students' programs import too.
STUDENTS_PACKAGES = ("kafka-python",)

_MADE_BY_RUNNING = {".git", ".venv", ".venv-docs", ".kit", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
_KEPT_EMPTY = ("checkpoints", "datalake", "reports", "state")  # only their .gitkeep belongs to the kit


def is_included(name: str) -> bool:
    """Whether a student's kit has this file as it is, apart from what is cut out. `name`: its path in the project."""
    included, excluded = _longest(INCLUDED, name), _longest(EXCLUDED, name)
    return included > excluded and name not in MADE


def _longest(entries: tuple[str, ...], name: str) -> int:
    fits = (len(entry) for entry in entries if name == entry or (entry.endswith("/") and name.startswith(entry)))
    return max(fits, default=0)


def is_decided(name: str) -> bool:
    """Whether a line of this file says what becomes of a file."""
    return name in MADE or bool(_longest(INCLUDED, name) or _longest(EXCLUDED, name))


def project_files(root: Path = PROJECT) -> tuple[str, ...]:
    """The files of the project: what git tracks, or in a folder that is no checkout all that running did not make."""
    command = ["git", "-C", str(root), "ls-files", "-z"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8")
        names = [name for name in listed.split("\0") if name and (root / name).is_file()]
    except (OSError, subprocess.CalledProcessError):
        names = []
    if not (root / ".git").exists() or not names:
        names = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
    return tuple(sorted(name for name in names if not _is_made_by_running(name)))


def _is_made_by_running(name: str) -> bool:
    parts = name.split("/")
    return bool(_MADE_BY_RUNNING.intersection(parts)) or (parts[0] in _KEPT_EMPTY and parts[-1] != ".gitkeep")
