"""A submission with mistakes and hostile texts, whose batches and files have plausible times, to render."""

from __future__ import annotations

import json
from pathlib import Path

from configs.contract import RoundRecord, RoundRun
from grader.builder import CHECKPOINT, LAKE, ROUNDS, Submission, leave_orphan
from grader.evidence.checksum import checksums
from grader.evidence.orders import moment_us

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=http://example.invalid/x onerror=alert(1)>'


def hostile_submission(folder: Path) -> Submission:
    """A built submission: a repeat, a lost row, a negative amount, an orphan file, and markup in every text column."""
    submission = Submission(folder)
    submission.lose(14)
    submission.append_batch(submission.rows[-1:])
    submission.change(3, customer_name=SCRIPT, item=IMAGE)
    submission.change_in_lake(3, amount="-5.00", created_at="2025-11-18T12:27:00.000000Z")
    submission.change_in_lake(12, customer_name=SCRIPT, item=IMAGE, restaurant_name="\x1b[31m\u202e")
    submission.edit(leave_orphan)
    submission.edit(give_times)
    submission.build()
    return submission


def give_times(root: Path) -> None:
    """Let batch 0 run an hour before round 1, and the later batches 2 s after their rounds began, each taking 2 s."""
    starts = [moment_us(run.started_at) // 1000 for run in _runs(root)]
    begun = [starts[0] - 3_600_000, *(start + 2_000 for start in starts)]
    written: dict[str, int] = {}  # a compact log file repeats the lines of the batches before it
    offsets = (root / CHECKPOINT / "offsets").glob("[0-9]*")
    for path in sorted(offsets, key=lambda path: int(path.name)):
        head, values, *rest = path.read_text().split("\n")
        batch = int(path.name)
        at_ms = begun[batch] if batch < len(begun) else begun[-1] + 60_000 * (batch - len(begun) + 1)
        _rewrite(path, "\n".join([head, json.dumps({**json.loads(values), "batchTimestampMs": at_ms}), *rest]))
        for log in (root / LAKE / "_spark_metadata").glob(f"{batch}*"):
            if log.name in (str(batch), f"{batch}.compact"):
                version, *lines = log.read_text().split("\n")
                entries = [json.loads(line) for line in lines]
                for entry in entries:
                    entry["modificationTime"] = written.setdefault(entry["path"], at_ms + 2_000)
                _rewrite(log, "\n".join([version, *map(json.dumps, entries)]))


def _runs(root: Path) -> list[RoundRun]:
    records = [RoundRecord.model_validate_json(path.read_bytes()) for path in sorted((root / ROUNDS).glob("*.json"))]
    return [run for record in records for run in record.runs]


def _rewrite(path: Path, text: str) -> None:
    path.write_text(text)
    path.with_name(f".{path.name}.crc").write_bytes(checksums(text.encode()))
