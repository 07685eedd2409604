import shutil
from pathlib import Path

from grader.builder import CHECKPOINT, Submission
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    needs=("checkpoint_readable",),
    hint="Never delete or copy files inside a checkpoint. When you stop the consumer, let it finish its batch.",
)
def commits_contiguous(evidence: Evidence) -> None:
    """Batches follow each other without a gap, and each was finished before the next one began.

    An id in offsets/ that is not in commits/ is a batch in flight. Only the last batch may be in flight. Spark keeps
    the last 100 batches, so the first id may be above 0.
    """
    checkpoint = evidence.checkpoint
    planned, finished = checkpoint.offset_batches, checkpoint.commit_batches
    begin = max(planned[0], finished[0]) if finished else planned[0]
    gaps = sorted(set(range(begin, planned[-1] + 1)) - set(planned))
    if gaps:
        raise Mismatch(expected=f"offsets of batches {begin} to {planned[-1]}", actual=f"no offsets of {_listed(gaps)}")
    unfinished = sorted(batch for batch in set(planned) - set(finished) if batch >= begin)
    if unfinished not in ([], [planned[-1]]):
        raise Mismatch(expected="at most the last batch unfinished", actual=f"no commit of {_listed(unfinished)}")
    stray = sorted(batch for batch in set(finished) - set(planned) if batch >= begin)
    if stray:
        raise Mismatch(expected="offsets of every commit", actual=f"commits without offsets: {_listed(stray)}")


def _listed(batches: list[int]) -> str:
    more = f" and {len(batches) - 5} more" if len(batches) > 5 else ""
    noun = "batch" if len(batches) == 1 else "batches"
    return f"{noun} {', '.join(map(str, batches[:5]))}{more}"


@commits_contiguous.fails
def commit_deleted(submission: Submission) -> None:
    submission.remove(f"{CHECKPOINT}/commits/1")


@commits_contiguous.fails
def batch_deleted(submission: Submission) -> None:
    submission.remove(f"{CHECKPOINT}/offsets/1")
    submission.remove(f"{CHECKPOINT}/commits/1")


@commits_contiguous.fails
def offsets_deleted_and_commit_kept(submission: Submission) -> None:
    submission.edit(_commit_a_batch_more)


@commits_contiguous.fails
def every_commit_deleted(submission: Submission) -> None:
    submission.remove(f"{CHECKPOINT}/commits/*")


@commits_contiguous.passes
def last_batch_in_flight(submission: Submission) -> None:
    submission.remove(f"{CHECKPOINT}/commits/2")


@commits_contiguous.passes
def first_batches_purged(submission: Submission) -> None:
    submission.remove(f"{CHECKPOINT}/offsets/0")
    submission.remove(f"{CHECKPOINT}/commits/0")


def _commit_a_batch_more(root: Path) -> None:
    for name in ("2", ".2.crc"):
        shutil.copy(root / CHECKPOINT / "commits" / name, root / CHECKPOINT / "commits" / name.replace("2", "3"))
