from pathlib import Path

from configs.wording import counted
from grader.builder import CHECKPOINT, Submission
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    needs=("checkpoint_readable",),
    hint="Only Spark may change the checkpoint: an edited offset loses or repeats rows, and Spark does not notice it.",
)
def checkpoint_untouched(evidence: Evidence) -> None:
    """No file of the checkpoint was edited after Spark wrote it.

    Spark writes a checksum next to each file (`.<name>.crc`). A file was edited if its checksum does not match, or if
    its checksum file is missing and all others are there. The check skips a checkpoint that lost all checksums in a
    copy.
    """
    stale = evidence.checkpoint.stale_checksums
    if stale:
        raise Mismatch(
            expected="every file matches its checksum",
            actual=f"{counted(len(stale), 'file')} edited",
            samples=tuple({"file": name} for name in stale[:3]),
        )


@checkpoint_untouched.fails
def offsets_edited_by_hand(submission: Submission) -> None:
    submission.edit(_add_space)


@checkpoint_untouched.fails(says="offsets/1")
def offsets_edited_and_their_checksum_deleted(submission: Submission) -> None:
    submission.edit(_add_space)
    submission.remove(f"{CHECKPOINT}/offsets/.1.crc")


@checkpoint_untouched.fails(says="2 files edited")
def checksums_of_the_last_batch_deleted(submission: Submission) -> None:
    submission.remove(f"{CHECKPOINT}/*/.2.crc")


@checkpoint_untouched.fails(says="1 file edited")
def checksum_of_the_start_offsets_deleted(submission: Submission) -> None:
    submission.remove(f"{CHECKPOINT}/sources/0/.0.crc")


@checkpoint_untouched.passes
def checksums_of_the_first_batches_lost_in_a_copy(submission: Submission) -> None:
    submission.remove(f"{CHECKPOINT}/*/.[01].crc")
    submission.remove(f"{CHECKPOINT}/.metadata.crc")


@checkpoint_untouched.passes
def clone_with_windows_line_ends(submission: Submission) -> None:
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
