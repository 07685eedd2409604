import shutil
from pathlib import Path

from configs.settings import HAND_OUT
from configs.wording import counted
from grader.builder import CONFIG, Submission
from grader.evidence import Evidence
from grader.model import Builder, Mismatch, check


@check(hint="Compare your file with the 14 keys of the assignment. Each line above names a key and what is allowed.")
def config_valid(evidence: Evidence) -> None:
    """The config file is there and has the assignment's 14 keys, with values that can be used.

    With a wrong config a program does not start on another machine. Without a config the grader has to search for lake,
    checkpoint and state by their shape. If a pipeline ran, a blank in its jdbc_url costs no marks: see jdbc_url_usable.
    In a submission the grader ignores keys that the assignment does not have.
    """
    if evidence.config.settings is None:
        problems = evidence.config.problems
        raise Mismatch(
            expected="a config with the 14 keys of the assignment",
            actual=counted(len(problems), "problem") if len(problems) > 1 else problems[0],
            samples=tuple({"problem": line} for line in problems[:3]),
        )
    if evidence.config.jdbc_url_problem and not evidence.has_run:
        raise Mismatch(expected="a jdbc_url that PgJDBC can use", actual=evidence.config.jdbc_url_problem)


@config_valid.fails
def no_config(submission: Submission) -> None:
    submission.remove(CONFIG)


@config_valid.fails
def config_is_not_yaml(submission: Submission) -> None:
    submission.write(CONFIG, "postgres: [never closed")


_URL = "jdbc:postgresql://127.0.0.1:5432/food_delivery"
_NOTHING_THERE = ("lake_readable", "checkpoint_readable", "state_readable")


@config_valid.fails(also=_NOTHING_THERE, says="handed_in.zip is damaged (File is not a zip file). Nothing could be")
def damaged_zip(submission: Submission) -> None:
    submission.edit(lambda root: _pack(root, "handed_in.zip", b"<html>404</html>"))


@config_valid.fails(also=_NOTHING_THERE, says="handed_in.tar.gz is damaged")
def tar_that_breaks_off_at_once(submission: Submission) -> None:
    submission.edit(lambda root: _pack(root, "handed_in.tar.gz", b"\x1f\x8b\x08"))


def _before_the_first_run(name: str, old: str, new: str, says: str) -> None:
    """Register a jdbc_url that PgJDBC cannot use, in a submission without results."""

    def build(submission: Submission) -> None:
        _replaced(old, new)(submission)
        submission.edit(_remove_results)

    build.__name__ = name
    config_valid.fails(also=_NOTHING_THERE, says=says)(build)


def _remove_results(root: Path) -> None:
    for folder in ("datalake", "checkpoints", "state"):
        shutil.rmtree(root / folder)


def _pack(root: Path, name: str, content: bytes) -> None:
    """Leave nothing but an archive."""
    for folder in root.iterdir():
        shutil.rmtree(folder)
    (root / name).write_bytes(content)


@config_valid.passes
def config_in_a_folder_of_its_own(submission: Submission) -> None:
    submission.edit(lambda root: (root / CONFIG).rename(root / "orders_stream.yml"))


def _without(section: str, name: str) -> None:
    """Register the config without one of the assignment's keys."""

    def build(submission: Submission) -> None:
        submission.edit(lambda root: _cut_line(root / CONFIG, section, name))

    build.__name__ = f"no_{section}_{name}"
    config_valid.fails(says=f"{section}.{name}")(build)


def _cut_line(path: Path, section: str, name: str) -> None:
    head, _, rest = path.read_text().partition(f"{section}:\n")
    lines = rest.splitlines(keepends=True)
    at = next(at for at, line in enumerate(lines) if line.startswith(f"  {name}:"))
    path.write_text(f"{head}{section}:\n{''.join(lines[:at] + lines[at + 1 :])}")


for _section, _keys in HAND_OUT.items():
    for _key in _keys:
        _without(_section, _key)


def _replaced(old: str, new: str) -> Builder:
    return lambda submission: submission.edit(lambda root: _replace(root / CONFIG, old, new))


def _replace(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


@config_valid.fails(says="postgres.port")
def port_out_of_range(submission: Submission) -> None:
    _replaced("  port: 5432", "  port: 99999")(submission)


@config_valid.fails(says="leads to port")
def jdbc_url_of_another_database(submission: Submission) -> None:
    _replaced("5432/food_delivery", "5432/postgres")(submission)


@config_valid.fails(says="datalake.format")
def lake_in_csv(submission: Submission) -> None:
    _replaced("format: parquet", "format: csv")(submission)


@config_valid.fails(says="kafka.brokers")
def broker_without_port(submission: Submission) -> None:
    _replaced("brokers: 127.0.0.1:9092", "brokers: localhost")(submission)


@config_valid.fails(says="streaming.batch_interval")
def interval_without_a_unit_of_time(submission: Submission) -> None:
    _replaced("batch_interval: 5 seconds", "batch_interval: often")(submission)


@config_valid.passes
def extra_keys(submission: Submission) -> None:
    submission.extra_config = "cdc:\n  poll_interval_sec: 5\n  batch_limit: 100\nlogging:\n  level: INFO\n"


@config_valid.passes
def extra_keys_with_this_kits_names_and_other_values(submission: Submission) -> None:
    submission.extra_config = (
        "cdc:\n  poll_interval_seconds: 5\n  batch_limit: 0\n  default_start_timestamp: '1970-01-01'\n"
        "spark: local[*]\nrounds:\n"
    )
    _replaced("  format: parquet", "  format: parquet\n  quarantine_paths: bad")(submission)


@config_valid.passes
def rollnumber_with_hyphens(submission: Submission) -> None:
    _replaced("rollnumber: 2025em1100471", "rollnumber: 2025-em-1100471")(submission)


@config_valid.passes
def password_left_empty(submission: Submission) -> None:
    _replaced("password: secret", 'password: ""')(submission)


@config_valid.passes
def format_in_capitals(submission: Submission) -> None:
    _replaced("format: parquet", "format: PARQUET")(submission)


@config_valid.passes
def interval_in_hours(submission: Submission) -> None:
    _replaced("batch_interval: 5 seconds", "batch_interval: 1 hour")(submission)


@config_valid.passes
def interval_as_a_number(submission: Submission) -> None:
    _replaced("batch_interval: 5 seconds", "batch_interval: 5")(submission)


@config_valid.passes
def config_deep_in_the_submission(submission: Submission) -> None:
    submission.edit(_bury)


def _bury(root: Path) -> None:
    home = root / "food_delivery_streaming" / "local"
    home.mkdir(parents=True)
    for name in ("configs", "datalake", "checkpoints", "state"):
        (root / name).rename(home / name)


@config_valid.passes
def lake_at_an_absolute_path_of_another_machine(submission: Submission) -> None:
    _replaced("path: datalake/orders", "path: /datalake/food/orders")(submission)


_before_the_first_run("jdbc_url_with_a_blank_at_its_end", _URL, f'"{_URL} "', "asks for a database 'food_delivery '")
_before_the_first_run(
    "jdbc_url_with_a_blank_after_sslmode", _URL, f'"{_URL}?sslmode=disable "', "rejects the value 'disable '"
)
_before_the_first_run(
    "jdbc_url_with_a_blank_before_the_port", _URL, f'"{_URL.replace(":5432", " :5432")}"', "no such host or port"
)


@config_valid.passes
def jdbc_url_with_two_hosts(submission: Submission) -> None:
    _replaced("127.0.0.1:5432/food_delivery", "127.0.0.1:5432,localhost:5433/food_delivery?sslmode=disable")(submission)


@config_valid.passes
def jdbc_url_without_a_host(submission: Submission) -> None:
    _replaced(_URL, "jdbc:postgresql:food_delivery?sslmode=disable")(submission)


@config_valid.passes
def jdbc_url_with_the_port_as_an_option(submission: Submission) -> None:
    _replaced(_URL, "jdbc:postgresql://postgres/food_delivery?port=5432")(submission)


@config_valid.fails(says="database 'student' (the user's name, because it names no database)")
def jdbc_url_without_a_database(submission: Submission) -> None:
    _replaced(_URL, "jdbc:postgresql://127.0.0.1:5432/")(submission)
