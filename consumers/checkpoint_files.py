"""Whether the files that Spark needs to go on are whole: of the checkpoint, the lake's log and the store of order_ids.

A power cut, a full disk or a copy leaves files that are empty, cut short or missing. Spark then fails in the same way
at every try, or at the next tenth batch. Its message names a class. Ours names the file, and what loses nothing.

What Spark 3.5 reads when a stream starts: the last two plans (`offsets/N`), the last `commits/N`, the log of the lake
since its last compact file, and for each partition of the store the newest snapshot (`N.zip`) and each later
`N.changelog`. Batch N leaves version N + 1 of the store.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

from configs.program import ProgramError
from configs.storage import Place

_COMPACT_INTERVAL = 10  # Spark's default: the log of batches 9, 19, ... repeats all earlier ones
_READ_AGAIN = (
    "Put it back from a copy. Or move the checkpoint {checkpoint} and the lake {lake} away (use mv, delete nothing): "
    "then the whole topic is read into a new lake."
)


def require_whole_files(lake: Place, checkpoint: Path) -> None:
    """Make sure that the stream can go on from these files.

    Raises:
        ProgramError: one is damaged or missing. The message names it.
    """
    found = next(_damages(lake, checkpoint), None)
    if found is not None:
        path, what, remedy = found
        raise ProgramError(f"{path} {what}. {remedy.format(checkpoint=checkpoint, lake=lake)}")


def last_batch(folder: Place) -> int | None:
    """The greatest batch that has a file in a folder of Spark's log; None for none."""
    return max(_batches(folder), default=None)


def _damages(lake: Place, checkpoint: Path) -> Iterator[tuple[Place, str, str]]:
    """Each file that is not whole, what is wrong, and the remedy."""
    log = lake / "_spark_metadata"
    logged, planned, finished = (last_batch(folder) for folder in (log, checkpoint / "offsets", checkpoint / "commits"))
    if planned is not None and (what := _wrong_json_lines(checkpoint / "metadata", version=False)):
        yield checkpoint / "metadata", what, "It holds only the query's id: delete it, and Spark gives a new one."
    for batch in range(max(0, (planned or 0) - 1), planned + 1) if planned is not None else ():
        if what := _wrong_json_lines(checkpoint / "offsets" / str(batch)):
            is_unused = batch == planned and batch not in (finished, logged)
            remedy = (
                "Its batch has not begun: delete the file, and the batch is planned again."
                if is_unused
                else _READ_AGAIN
            )
            yield checkpoint / "offsets" / str(batch), what, remedy
    if finished is not None and (what := _wrong_json_lines(checkpoint / "commits" / str(finished))):
        # The lake's log has the batch, so Spark will not write its rows a second time.
        remedy = "Delete the file: the lake has its batch, and Spark repeats it without writing a row twice."
        yield (
            checkpoint / "commits" / str(finished),
            what,
            remedy if logged is not None and logged >= finished else _READ_AGAIN,
        )
    yield from ((path, what, _READ_AGAIN) for path, what in _damages_of_log(log))
    if finished is not None:
        for partition in sorted((checkpoint / "state" / "0").glob("[0-9]*")):
            yield from ((path, what, _READ_AGAIN) for path, what in _damages_of_store(partition, finished + 1))
        # BEGIN NOT IN STARTER
        if not (checkpoint / "state" / "0" / "0").is_dir():
            yield checkpoint / "state" / "0" / "0", "is missing: it has the order_ids that were seen", _READ_AGAIN
        # END NOT IN STARTER


def _damages_of_log(log: Place) -> Iterator[tuple[Place, str]]:
    names = {path.name for path in log.iterdir()} if log.is_dir() else set()
    compact = max((int(name.removesuffix(".compact")) for name in names if name.endswith(".compact")), default=None)
    last = last_batch(log)
    if last is None:
        return
    if compact is not None and (what := _wrong_json_lines(log / f"{compact}.compact")):
        yield log / f"{compact}.compact", what
    for batch in range(0 if compact is None else compact + 1, last + 1):
        path = log / (f"{batch}.compact" if (batch + 1) % _COMPACT_INTERVAL == 0 else str(batch))
        if what := _wrong_json_lines(path):
            yield path, what


def _damages_of_store(partition: Path, version: int) -> Iterator[tuple[Path, str]]:
    snapshots = {int(path.stem): path for path in partition.glob("[0-9]*.zip") if path.stem.isdigit()}
    start = max((at for at in snapshots if at <= version), default=0)
    if start:
        yield from _damages_of_snapshot(partition, snapshots[start])
    for at in range(start + 1, version + 1):
        path = partition / f"{at}.changelog"
        if at in snapshots:
            continue
        if what := _wrong_size(path):
            yield path, what
        elif path.read_bytes()[:8] != b"LZ4Block":
            yield path, "is not a changelog of Spark's store"


def _damages_of_snapshot(partition: Path, path: Path) -> Iterator[tuple[Path, str]]:
    try:
        with zipfile.ZipFile(path) as archive:
            listed = json.loads(archive.read("metadata").decode("utf-8").split("\n", 1)[1])
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, IndexError) as error:
        yield path, f"cannot be read ({error})"
        return
    for file in listed.get("sstFiles", ()):
        table = partition / "SSTs" / file["dfsSstFileName"]
        what = _wrong_size(table)
        if what is None and table.stat().st_size != file["sizeBytes"]:
            what = f"has {table.stat().st_size} bytes, and {file['sizeBytes']} were written"
        if what:
            yield table, what


def _wrong_size(path: Place) -> str | None:
    try:
        return None if path.stat().st_size else "is empty"
    except FileNotFoundError:
        return "is missing"


def _wrong_json_lines(path: Place, *, version: bool = True) -> str | None:
    """What is wrong with a file that has a line "v1" (if `version`) and lines of JSON; None for nothing."""
    if what := _wrong_size(path):
        return what
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        if version and lines.pop(0) != "v1":
            return "does not begin with the line v1"
        for line in lines:
            if line not in ("", "-"):
                json.loads(line)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        return f"is cut short or damaged ({error})"
    return None


def _batches(folder: Place) -> Iterator[int]:
    if folder.is_dir():
        names = (path.name.removesuffix(".compact") for path in folder.iterdir())
        yield from (int(name) for name in names if name.isdigit())
