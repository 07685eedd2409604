from grader.evidence import Evidence
from grader.model import Mismatch, check
from grader.submission import Submission


@check(
    needs=("lake_readable", "lake_schema"),
    hint="Set spark.sql.session.timeZone to UTC and take the date from created_at, not from the clock.",
)
def date_folders(evidence: Evidence) -> None:
    """Each row lies in the folder of its created_at's UTC date.

    Compares date=yyyy-MM-dd in the path with the row. A reader that asks for one date gets only that folder, so that a
    misplaced row is as good as lost. A session in local time moves the rows near midnight.
    """
    found = evidence.lake.misplaced(limit=3)
    if found:
        raise Mismatch(expected="every row under its own date=", actual=f"{found.total} misplaced", samples=found.rows)


@date_folders.fails
def folder_of_the_wrong_day(submission: Submission) -> None:
    submission.days[12] = "2025-11-17"


@date_folders.fails
def midnight_in_the_folder_of_the_day_before(submission: Submission) -> None:
    submission.change(16, created_at="2025-11-19T00:00:00.000000Z")
    submission.days[16] = "2025-11-18"


@date_folders.fails(says="20 misplaced")
def lake_without_folders(submission: Submission) -> None:
    submission.folder_key = None


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
def folder_is_no_date(submission: Submission) -> None:
    submission.days[12] = "18-11-2025"
