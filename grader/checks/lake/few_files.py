from collections import Counter

from configs.wording import counted
from grader.builder import Submission
from grader.evidence import Evidence
from grader.evidence.sink_log import path_in_lake
from grader.model import Mismatch, NoEvidence, check

_SMALL = 10_000  # rows; one task writes more than this in well under a second


@check(
    needs=("lake_readable",),
    hint="Repartition by date before you write, or use coalesce(1). For so few rows one file per date and batch is "
    "enough.",
)
def few_files(evidence: Evidence) -> None:
    """A batch writes one file per date, not one for every partition of the topic.

    Looks at each batch of fewer than 10000 rows whose files the sink log still names. A lake of thousands of tiny files
    is slow to list and to read. One submission had 49 rows in 25 files.
    """
    lake = evidence.lake
    if lake.log is None or lake.folder is None or not lake.log.written:
        raise NoEvidence("no sink log says which batch wrote which file")
    paths = frozenset(lake.listing)
    rows = {footer.path: footer.rows for footer in lake.footers}
    crowded = []
    for batch, files in sorted(lake.log.written.items()):
        there = [path for path in (path_in_lake(file.path, paths, lake.folder) for file in files) if path in rows]
        folders = Counter(path.rpartition("/")[0] for path in there)
        total = sum(rows[path] for path in there)
        if total < _SMALL and len(there) > len(folders):
            crowded.append({"batch": batch, "files": len(there), "dates": len(folders), "rows": total})
    if crowded:
        raise Mismatch(
            expected="one file per date and batch",
            actual=f"{counted(len(crowded), 'batch', 'batches')} wrote more",
            samples=tuple(crowded[:3]),
        )


@few_files.fails
def a_file_for_every_partition(submission: Submission) -> None:
    submission.split = 3
