from pathlib import Path

from configs.wording import counted
from grader.builder import CHECKPOINT, Submission, renew_checksum
from grader.evidence import Evidence
from grader.evidence.conservation import batch_accounts
from grader.model import Mismatch, NoEvidence, Undecided, check


@check(
    needs=("lake_readable", "lake_schema", "checkpoint_readable", "offsets_never_go_back"),
    hint="Rows without a message were written twice, or not by the consumer. See the batch above. Append each batch "
    "once, and keep the checkpoint.",
)
def offsets_add_up(evidence: Evidence) -> None:
    """Messages read = rows in the lake + rejected rows + dropped duplicates.

    The number of messages is the difference between the offsets of the consumer's last batch and its start offsets.

    - More rows than messages, in the whole lake or in one batch: the check fails. The rows came from another source, or
      were written twice.
    - Fewer rows than messages: this alone is correct, because duplicates, rejected rows and transaction markers take
      offsets too. If the quarantine does not explain the difference, the check passes if Postgres shows that nothing is
      missing. If not, it is skipped.
    """
    whole = evidence.account
    if whole is None:
        raise NoEvidence("the checkpoint does not have the start offsets of the consumer, or lacks batches of the lake")
    overfull = [
        (batch, one) for batch, one in batch_accounts(evidence.checkpoint, evidence.lake).items() if one.unexplained < 0
    ]
    if overfull:
        raise Mismatch(
            expected="at most as many rows as messages in each batch",
            actual=f"more in {counted(len(overfull), 'batch', 'batches')}",
            samples=tuple({"batch": batch, "rows": one.rows, "messages": one.read} for batch, one in overfull[:3]),
        )
    if whole.unexplained < 0:
        raise Mismatch(
            expected=f"at most {counted(whole.read, 'row')}, one for each message that was read",
            actual=f"{whole.rows} in the lake and {whole.rejected} rejected: {-whole.unexplained} too many",
        )
    if whole.unexplained and not _is_nothing_missing(evidence):
        raise Undecided(
            f"{whole.unexplained} of {counted(whole.read, 'message')} neither in the lake ({whole.rows}) nor in a "
            f"quarantine ({whole.rejected}): duplicates, rejected rows, transaction markers or lost rows"
        )


def _is_nothing_missing(evidence: Evidence) -> bool:
    """Whether Postgres shows that no row is lost. A row that is perhaps backdated may be lost."""
    if evidence.database.orders is None:
        return False
    found = evidence.missing_of_database
    return not found and not found.backdated


@offsets_add_up.fails(says="batch 2")
def more_rows_than_messages_in_a_batch(submission: Submission) -> None:
    submission.edit(lambda root: _fewer_messages(root, 2, '{"0":6,"1":5,"2":5}'))


@offsets_add_up.fails(says="5 too many")
def more_rows_than_messages_at_all(submission: Submission) -> None:
    submission.log = False
    submission.edit(lambda root: _fewer_messages(root, 2, '{"0":5,"1":5,"2":5}'))


@offsets_add_up.passes
def repeats_dropped_by_the_consumer(submission: Submission) -> None:

    submission.edit(lambda root: _fewer_messages(root, 2, '{"0":9,"1":8,"2":8}'))


@offsets_add_up.passes
def markers_of_transactions(submission: Submission) -> None:
    submission.has_database = False
    submission.edit(lambda root: _fewer_messages(root, 2, '{"0":12,"1":12,"2":11}'))


@offsets_add_up.passes
def start_offsets_not_handed_in(submission: Submission) -> None:
    submission.remove(f"{CHECKPOINT}/sources/0/*")


def _fewer_messages(root: Path, batch: int, ends: str) -> None:
    path = root / CHECKPOINT / "offsets" / str(batch)
    *head, _ = path.read_text().splitlines()
    topic = path.read_text().splitlines()[-1].partition(":")[0]
    path.write_text("\n".join([*head, f"{topic}:{ends}}}"]))
    renew_checksum(path)
