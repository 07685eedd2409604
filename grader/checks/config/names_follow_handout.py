import re
from pathlib import Path

from grader.builder import CONFIG, ROLLNUMBER, Submission
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    needs=("config_valid",),
    hint="Name the table `<rollnumber>_orders` and the topic `<rollnumber>_food_orders_raw`, as the assignment says.",
)
def names_follow_handout(evidence: Evidence) -> None:
    """Table and topic have the names that the assignment gives them.

    Other names work too. But on a shared server they can collide with another student's, and nobody finds them.
    """
    settings = evidence.config.settings
    if settings is None:
        return
    table = settings.postgres.table.rpartition(".")[2].strip('"')
    wanted = {
        "postgres.table": f"{settings.rollnumber}_orders",
        "kafka.topic": f"{settings.rollnumber}_food_orders_raw",
    }
    given = {"postgres.table": table, "kafka.topic": settings.kafka.topic}
    other = [key for key in wanted if _plain(given[key]) != _plain(wanted[key])]
    if other:
        raise Mismatch(
            expected=" and ".join(wanted[key] for key in other), actual=" and ".join(given[key] for key in other)
        )


def _plain(name: str) -> str:
    """Letters and digits only. A table name with hyphens needs quotes, so students leave the hyphens out."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


@names_follow_handout.fails
def table_without_the_rollnumber(submission: Submission) -> None:
    submission.rounds = 0  # the records of rounds have the usual names
    submission.edit(lambda root: _replace(root / CONFIG, f"table: {ROLLNUMBER}_orders", "table: orders"))


@names_follow_handout.fails
def topic_with_another_name(submission: Submission) -> None:
    submission.rounds = 0
    submission.topic = "food-orders"
    submission.edit(lambda root: _replace(root / CONFIG, f"topic: {ROLLNUMBER}_food_orders_raw", "topic: food-orders"))


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
