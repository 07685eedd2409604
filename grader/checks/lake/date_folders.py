from pathlib import Path

from configs.wording import counted
from grader.builder import LAKE, Submission
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    needs=("lake_readable", "lake_schema"),
    hint='Write with partitionBy("date"). Take the date from created_at, not from the clock, and set '
    "spark.sql.session.timeZone to UTC.",
)
def date_folders(evidence: Evidence) -> None:
    """Each row is in the folder of its created_at's UTC date.

    Compares date=yyyy-MM-dd in the path with the row. A reader that asks for one date reads only that folder, so it
    does not find a misplaced row. A session in local time misplaces the rows near midnight. If a folder has another
    name than date=, no reader that follows the assignment finds its rows.
    """
    lake = evidence.lake
    others = {
        footer.path: _keys(footer.path) for footer in lake.footers if footer.rows and "date" not in _keys(footer.path)
    }
    if others:
        named = ", ".join(f"{key}=" for key in sorted(set().union(*others.values())))
        some = f"{counted(len(others), 'file')} outside the date= folders"
        missing = "no date= folders" if len(others) == len(lake.files) else some
        raise Mismatch(
            expected='a folder date=yyyy-MM-dd for each date, as partitionBy("date") creates it',
            actual=f"{missing}, but {named}" if named else missing,
            samples=tuple({"file": path} for path in [*others][:3]),
        )
    found = lake.misplaced(limit=3)
    if found:
        raise Mismatch(
            expected="every row in the folder of its date", actual=f"{found.total} misplaced", samples=found.rows
        )


def _keys(path: str) -> set[str]:
    return {part.partition("=")[0].lower() for part in path.split("/")[:-1] if "=" in part}


@date_folders.fails
def folder_of_the_wrong_day(submission: Submission) -> None:
    submission.days[12] = "2025-11-17"


@date_folders.fails
def midnight_in_the_folder_of_the_day_before(submission: Submission) -> None:
    submission.change(16, created_at="2025-11-19T00:00:00.000000Z")
    submission.days[16] = "2025-11-18"


@date_folders.fails(says="no date= folders")
def lake_without_folders(submission: Submission) -> None:
    submission.folder_key = None


@date_folders.fails(says="no date= folders, but order_date=")
def folders_of_another_name(submission: Submission) -> None:
    submission.folder_key = "order_date"


@date_folders.fails(also=("round_rewrote_nothing",), says="1 file outside the date= folders, but day=")
def folder_renamed(submission: Submission) -> None:
    submission.log = False
    submission.edit(lambda root: (root / LAKE / "date=2025-11-19").rename(root / LAKE / "day=2025-11-19"))


@date_folders.passes
def hours_below_the_date(submission: Submission) -> None:
    submission.log = False
    submission.rounds = 0
    submission.edit(_add_hours)


def _add_hours(root: Path) -> None:
    for day in (root / LAKE).glob("date=*"):
        files = [*day.iterdir()]
        (day / "hour=12").mkdir()
        for file in files:
            file.rename(day / "hour=12" / file.name)


@date_folders.fails
def known_time_in_the_null_partition(submission: Submission) -> None:
    submission.days[12] = "__HIVE_DEFAULT_PARTITION__"


@date_folders.fails(says="5 misplaced")
def folder_of_the_day_it_was_written(submission: Submission) -> None:
    submission.days |= dict.fromkeys(range(16, 21), "2025-11-20")


@date_folders.fails(
    also=("values_match_database", "round_values_kept", "state_matches_newest_order"), says="1 misplaced"
)
def milliseconds_taken_for_seconds(submission: Submission) -> None:
    submission.far_us[12] = 1_763_475_852_123 * 1_000_000  # in the year 57852
    submission.days[12] = "+57852-04-28"


@date_folders.fails
def folder_with_another_date_format(submission: Submission) -> None:
    submission.days[12] = "18-11-2025"
