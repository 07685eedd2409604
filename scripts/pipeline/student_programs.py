"""Producer and consumer that somebody else wrote: where they are, what they import, and what of it is not here."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from configs.errors import KitError
from scripts.services.stack import CONSUMER, OURS, PRODUCER, PROGRAM_NAMES, Programs

FILE_NAMES = {PRODUCER: "orders_cdc_producer.py", CONSUMER: "orders_stream_consumer.py"}
_PASSED_OVER = {".git", ".venv", "venv", "env", "node_modules", "__pycache__", "site-packages"}
# Modules that students' programs were seen to import, and the package that has each. The kit installs nothing else.
PACKAGES = {
    "kafka": "kafka-python==2.3.3",
    "confluent_kafka": "confluent-kafka==2.16.1",
    "psycopg2": "psycopg2-binary==2.9.13",
    "sqlalchemy": "sqlalchemy==2.0.51",
    "dotenv": "python-dotenv==1.2.4",
    "pandas": "pandas==2.3.3",
    "requests": "requests==2.34.2",
    "loguru": "loguru==0.7.3",
    "dateutil": "python-dateutil==2.9.0.post0",
    "pytz": "pytz==2026.6",
}


def find_programs(folder: Path) -> Programs:
    """The programs of a folder: orders_cdc_producer.py and orders_stream_consumer.py, at any depth.

    Raises:
        KitError: there is no such folder, one of the two is not in it, or is there twice at the same depth.
    """
    folder = folder.expanduser().absolute()
    if not folder.is_dir():
        raise KitError(
            f"PROGRAMS is {str(folder)!r}, and there is no such folder. Name the one with your two programs."
        )
    found = {name: _nearest(folder, name) for name in PROGRAM_NAMES}
    return Programs(folder.name, found[PRODUCER], found[CONSUMER], folder)


def programs_from_environment() -> Programs:
    """The programs that PROGRAMS in the environment names; the kit's own where it names none."""
    asked = os.environ.get("PROGRAMS", "").strip()
    return find_programs(Path(asked)) if asked and asked != OURS.name else OURS


def _nearest(folder: Path, name: str) -> Path:
    hits = [Path(where, FILE_NAMES[name]) for where in _walk(folder) if Path(where, FILE_NAMES[name]).is_file()]
    if not hits:
        raise KitError(
            f"{folder} has no {FILE_NAMES[name]}, at any depth. PROGRAMS names a folder with the two files "
            f"{' and '.join(FILE_NAMES.values())}."
        )
    depth = min(len(hit.parts) for hit in hits)
    nearest = sorted(hit for hit in hits if len(hit.parts) == depth)
    if len(nearest) > 1:
        raise KitError(
            f"{folder} has {FILE_NAMES[name]} more than once: {', '.join(str(hit.parent) for hit in nearest[:3])}. "
            "Name the folder of one submission with PROGRAMS."
        )
    return nearest[0]


def _walk(folder: Path) -> Iterator[str]:
    for where, folders, _ in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _PASSED_OVER)
        yield where


def require_modules(program: Path, root: Path) -> None:
    """Make sure that what a program imports is there.

    Imports within `try` do not count: such a program has an answer to their absence. Its own modules do not either.

    Raises:
        KitError: modules are missing; the message has the command that installs them, where there is one.
    """
    missing = [name for name in imported_modules(program) if not _is_there(name, program, root)]
    if not missing:
        return
    known = sorted({PACKAGES[name] for name in missing if name in PACKAGES})
    strange = [name for name in missing if name not in PACKAGES]
    needs = f"{program.name} imports {', '.join(missing)}, which the kit's Python does not have."
    how = f" Install it: scripts/kit pip install {' '.join(known)}" if known else ""
    other = (
        f" The kit has no package for {', '.join(strange)}: remove the import, or put the module beside the program."
        if strange
        else ""
    )
    raise KitError(f"{needs}{other}{how}")


def imported_modules(program: Path) -> tuple[str, ...]:
    """Top-level names of the modules that a program imports when it starts, in their order; () for no Python."""
    try:
        tree = ast.parse(program.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ()  # Python says it better, into the program's log
    return tuple(dict.fromkeys(name.partition(".")[0] for name in _imports(tree.body)))


def _imports(statements: list[ast.stmt]) -> Iterator[str]:
    for statement in statements:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.level == 0:
            yield statement.module or ""
        elif isinstance(statement, ast.If):
            yield from _imports([*statement.body, *statement.orelse])


def _is_there(name: str, program: Path, root: Path) -> bool:
    if name in sys.stdlib_module_names:
        return True
    if any((folder / name).is_dir() or (folder / f"{name}.py").is_file() for folder in (program.parent, root)):
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def uses_spark(program: Path) -> bool:
    """Whether a program needs spark-submit; a plain Python one starts without a JVM."""
    try:
        return "pyspark" in program.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
