from pathlib import Path

from grader.builder import CHECKPOINT, Submission, renew_checksum
from grader.evidence import Evidence
from grader.evidence.comparison import clean, missing, source
from grader.evidence.conservation import batch_accounts
from grader.model import Mismatch, NoEvidence, check


@check(
    needs=("lake_readable", "lake_schema", "checkpoint_readable", "offsets_never_go_back"),
    hint="Rows without a message were written twice, or not by the consumer: see the batch above, and append each "
    "batch once under a checkpoint that is kept.",
)
def offsets_add_up(evidence: Evidence) -> None:
    """Messages read = rows in the lake + rejected + repeats dropped.

    The messages are the distance between the offsets where the consumer began and those of its last batch. More rows
    than messages, in the whole lake or in one batch, is a fault: they came from elsewhere or were written twice. Fewer
    is not one by itself, since repeats, rejected rows and the markers of transactions take offsets too: what the
    quarantine does not explain is accepted where Postgres shows that nothing is missing, and is not judged elsewhere.
    """
    whole = evidence.account
    if whole is None:
        raise NoEvidence("the checkpoint does not say where the consumer began, or lacks batches of the lake")
    overfull = [
        (batch, one) for batch, one in batch_accounts(evidence.checkpoint, evidence.lake).items() if one.unexplained < 0
    ]
    if overfull:
        raise Mismatch(
            expected="at most as many rows as messages in each batch",
            actual=f"{len(overfull)} batches have more",
            samples=tuple({"batch": batch, "rows": one.rows, "messages": one.read} for batch, one in overfull[:3]),
        )
    if whole.unexplained < 0:
        raise Mismatch(
            expected=f"at most {whole.read} rows, as many as messages were read",
            actual=f"{whole.rows} in the lake and {whole.rejected} rejected: {-whole.unexplained} too many",
        )
    if whole.unexplained and not _is_nothing_missing(evidence):
        raise NoEvidence(
            f"{whole.unexplained} of {whole.read} messages are neither in the lake ({whole.rows}) nor in a quarantine "
            f"({whole.rejected}): repeats, rejected rows, markers of transactions or losses"
        )


def _is_nothing_missing(evidence: Evidence) -> bool:
    """Whether Postgres shows it: no row is lost, and none may be, as one that is perhaps backdated."""
    if evidence.database.orders is None:
        return False
    orders = clean(source(evidence.database))
    found = missing(orders, evidence.lake, evidence.state, evidence.checkpoint, limit=0)
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
