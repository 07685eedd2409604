"""`make submit`: checks, packs and grades, in this order, and says what it has packed."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate

from configs.wording import counted
from grader import api
from grader.limits import Limits
from grader.model import Report
from grader.renderers import marks, terminal
from scripts.pipeline import programs
from scripts.services.stack import PROGRAM_NAMES, Stack
from scripts.submit.archive import write_zip
from scripts.submit.contents import Contents, SubmitError, contents, megabytes

CHECK_SECONDS = 300.0


def run_submit(stack: Stack) -> int:
    """Write `<rollnumber>.zip` into OUT, or into the project folder. Exit code 0, whatever the verdict on it is.

    Raises:
        KitError: a program runs, or something must not or cannot be handed in.
        OSError: the archive cannot be written.
    """
    target = Path(os.environ.get("OUT") or stack.settings.root).expanduser().absolute()
    if target.suffix == ".zip" or target.is_file():
        raise SubmitError(f"OUT is {str(target)!r}: name a folder. The archive is called <rollnumber>.zip.")
    with stack.locked():
        _require_stopped(stack)
        found = contents(stack)
        path, report = _pack_and_grade(found, target)
    print(terminal.render(report, width=_width()))
    print(_table(found), end="\n\n")
    for warning in found.warnings:
        print(f"Warning: {warning}", file=sys.stderr)
    print(f"Wrote {path}: {counted(len(found.files), 'file')}, {megabytes(path.stat().st_size)}.")
    print(f"The grader's verdict on it, without the database: {report.verdict.upper()}, {marks(report)}.")
    return 0


def _require_stopped(stack: Stack) -> None:
    running = [name for name in PROGRAM_NAMES if programs.is_running(stack, name)]
    if running:
        raise SubmitError(
            f"The {' and the '.join(running)} still {'runs' if len(running) == 1 else 'run'}, so the lake may change "
            "while it is packed. Run `make stop`, then `make submit`."
        )


def _pack_and_grade(found: Contents, target: Path) -> tuple[Path, Report]:
    """The archive is graded as it is, and only then gets its place, whole."""
    target.mkdir(parents=True, exist_ok=True)
    path = target / f"{found.rollnumber}.zip"
    folder = Path(tempfile.mkdtemp(dir=target, prefix=".submit-"))
    try:
        packed = folder / path.name
        top = f"{found.rollnumber}/food_delivery_streaming/local"
        write_zip(packed, {f"{top}/{name}": file for name, file in found.files.items()})
        with api.grade(packed, database="off", limits=Limits(step_seconds=CHECK_SECONDS)) as graded:
            report = graded.report
        packed.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return path, report


def _table(found: Contents) -> str:
    rows = [(part.name, _example(list(part.files)), len(part.files), megabytes(part.size)) for part in found.parts]
    return tabulate(rows, headers=("part", "where", "files", "size"), disable_numparse=True)


def _example(names: list[str]) -> str:
    """The name of the only file, the folder that has them all, or the top folders."""
    if len(names) == 1:
        return names[0]
    common = os.path.commonpath(names)
    tops = dict.fromkeys(name.partition("/")[0] for name in sorted(names))
    return f"{common}/" if common else ", ".join(f"{top}/" for top in tops)


def _width() -> int:
    return shutil.get_terminal_size((terminal.WIDTH, 24)).columns if sys.stdout.isatty() else terminal.WIDTH
