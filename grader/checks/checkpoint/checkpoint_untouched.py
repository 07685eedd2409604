from pathlib import Path

from grader.evidence import Evidence
from grader.model import Mismatch, check
from grader.submission import CHECKPOINT, Submission


@check(
    needs=("checkpoint_readable",),
    hint="Leave the checkpoint to Spark: an edited offset loses or repeats rows, and Spark does not notice.",
)
def checkpoint_untouched(evidence: Evidence) -> None:
    """No file of the checkpoint was edited after Spark wrote it.

    Spark leaves a checksum beside each file (.<name>.crc). One that does not fit its file betrays an edit. Files that
    lost theirs in a copy are not judged.
    """
    stale = evidence.checkpoint.stale_checksums
    if stale:
        raise Mismatch(
            expected="every file as its checksum says",
            actual=f"{len(stale)} edited",
            samples=tuple({"file": name} for name in stale[:3]),
        )


@checkpoint_untouched.fails
def offsets_edited_by_hand(submission: Submission) -> None:
    submission.edit(_add_space)


@checkpoint_untouched.passes
def checksums_lost_in_a_copy(submission: Submission) -> None:
    submission.remove(f"{CHECKPOINT}/**/.*.crc")


def _add_space(root: Path) -> None:
    path = root / CHECKPOINT / "offsets" / "1"
    path.write_text(path.read_text().replace('"conf":{}', '"conf": {}'))
