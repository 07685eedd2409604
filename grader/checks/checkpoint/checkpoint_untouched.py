from pathlib import Path

from grader.builder import CHECKPOINT, Submission
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    needs=("checkpoint_readable",),
    hint="Leave the checkpoint to Spark: an edited offset loses or repeats rows, and Spark does not notice.",
)
def checkpoint_untouched(evidence: Evidence) -> None:
    """No file of the checkpoint was edited after Spark wrote it.

    Spark leaves a checksum beside each file (.<name>.crc). One that does not fit its file betrays an edit, and so does
    one that is missing where all others are there. A checkpoint that lost them in a copy is not judged.
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


@checkpoint_untouched.fails(says="offsets/1")
def offsets_edited_and_their_checksum_deleted(submission: Submission) -> None:
    submission.edit(_add_space)
    submission.remove(f"{CHECKPOINT}/offsets/.1.crc")


@checkpoint_untouched.fails(says="2 edited")
def checksums_of_the_last_batch_deleted(submission: Submission) -> None:
    submission.remove(f"{CHECKPOINT}/*/.2.crc")


@checkpoint_untouched.fails(says="1 edited")
def checksum_of_the_start_offsets_deleted(submission: Submission) -> None:
    submission.remove(f"{CHECKPOINT}/sources/0/.0.crc")


@checkpoint_untouched.passes
def checksums_of_the_first_batches_lost_in_a_copy(submission: Submission) -> None:
    submission.remove(f"{CHECKPOINT}/*/.[01].crc")
    submission.remove(f"{CHECKPOINT}/.metadata.crc")


@checkpoint_untouched.passes
def clone_with_the_line_ends_of_windows(submission: Submission) -> None:
    submission.edit(_clone_to_windows)


@checkpoint_untouched.passes
def checksums_lost_in_a_copy(submission: Submission) -> None:
    submission.remove(f"{CHECKPOINT}/**/.*.crc")


def _add_space(root: Path) -> None:
    path = root / CHECKPOINT / "offsets" / "1"
    path.write_text(path.read_text().replace('"conf":', '"conf": '))


def _clone_to_windows(root: Path) -> None:
    """Do what git's core.autocrlf does: files without a NUL count as text."""
    for path in root.rglob("*"):
        content = path.read_bytes() if path.is_file() else b"\0"
        if b"\0" not in content:
            path.write_bytes(content.replace(b"\n", b"\r\n"))
