"""A submission with mistakes and hostile texts, whose batches and files have plausible times, to render."""

from __future__ import annotations

from pathlib import Path

from grader.builder import Submission, give_times, leave_orphan

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
