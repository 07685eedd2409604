"""`make clean` and `make reset`: remove what the kit wrote, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

from configs.contract import LOAD_RECORD, TOPIC_FILE, seen_file, state_file
from configs.program import lock_file
from configs.quarantine_position import FILE as QUARANTINE_POSITION
from configs.settings import PROJECT, local_path
from configs.storage import Place, S3Path, lake_place, quarantine_place, remove_tree, require_answer
from scripts.pipeline import programs
from scripts.pipeline.services import services_of
from scripts.services.stack import PROGRAM_NAMES, Stack, has_own_s3, remove_unused_scratch

REPORTS = ("report.json", "report.html", "report.xml", "report.md", "results.json")
CACHES = (".pytest_cache", ".mypy_cache", ".ruff_cache")


def clean(stack: Stack) -> list[str]:
    """Remove reports, caches, and the logs and temporary files of programs and services that do not run."""
    for name in REPORTS:
        (stack.settings.root / "reports" / name).unlink(missing_ok=True)
    # Not for the stack of a test or a drill, which is in another folder: the project keeps its caches.
    if stack.settings.root == PROJECT:
        for cache in [*(PROJECT / name for name in CACHES), *_bytecode()]:
            shutil.rmtree(cache, ignore_errors=True)
    for log in stack.logs.glob("*.log"):
        if stack.pid_file(log.stem).process() is None:
            log.unlink()
    remove_unused_scratch(stack)
    return [
        "Removed: reports, caches, and the logs and temporary files of what does not run. Kept: data, state and "
        "checkpoints (`make reset` removes them)"
    ]


def _bytecode() -> list[Path]:
    return [
        folder
        for top in ("configs", "producers", "consumers", "scripts", "grader", "tests")
        for folder in (PROJECT / top).rglob("__pycache__")
    ]


def reset(stack: Stack) -> list[str]:
    """Stop everything, then remove the services' data, the lake, the checkpoints, the state and the rounds."""
    services = services_of(stack)
    lines = [*programs.stop(stack)]
    # The kit's own S3 goes with its data. In another, the lake is removed as on a disk.
    settings = stack.settings
    is_own_store = stack.services == "embedded" and has_own_s3(settings)
    lake, quarantine = lake_place(settings), quarantine_place(settings)
    for place in (lake, quarantine):
        if isinstance(place, S3Path) and not is_own_store:
            require_answer(place)
    lines += services.down()
    if any(programs.is_running(stack, name) for name in PROGRAM_NAMES):
        return [*lines, "Nothing was removed, because a program still runs. Stop it, then run `make reset` again"]
    services.remove()
    # The consumer writes TOPIC_FILE before Spark starts.
    made: dict[Place, tuple[str, ...]] = {
        lake: ("_spark_metadata",),
        quarantine: ("_spark_metadata", "rejected-*.parquet"),
        local_path(settings.streaming.checkpoint_location): (
            "metadata",
            TOPIC_FILE,
        ),
        local_path(settings.streaming.quarantine_checkpoint_location): ("metadata", QUARANTINE_POSITION),
    }
    for folder, marks in made.items():
        if isinstance(folder, S3Path) and is_own_store:
            continue
        if any(found for mark in marks for found in folder.glob(mark)):
            remove_tree(folder)
        elif folder.is_dir() and any(folder.iterdir()):
            lines.append(f"Left alone: {folder}. It has no {' or '.join(marks)}, so this kit did not write it")
    state = state_file(local_path(settings.streaming.last_processed_timestamp_location))
    for file in [
        state,
        seen_file(state),
        *(lock_file(settings, name) for name in PROGRAM_NAMES),
        *settings.rounds_folder.glob("round*.json"),
        settings.rounds_folder / LOAD_RECORD,
    ]:
        file.unlink(missing_ok=True)
    for path in [*made, state, settings.rounds_folder / "round1.json"]:
        if isinstance(path, Path):
            _remove_empty(path.parent, settings.root)
    clean(stack)
    if stack.home.exists():  # it does not, if nothing was ever started
        shutil.rmtree(stack.home)
    return [*lines, "Removed: data, lake, checkpoints, state and rounds"]


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove a folder and its parents while they are empty; never the top folders in the project."""
    while root in folder.parents and folder.parent != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
