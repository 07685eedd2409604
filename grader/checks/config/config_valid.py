from grader.evidence import Evidence
from grader.model import Mismatch, check
from grader.submission import CONFIG, Submission


@check(hint="Compare your file with the 14 keys of the hand-out; each line above names a key and what is allowed.")
def config_valid(evidence: Evidence) -> None:
    """The config file is there and every value in it can be used.

    Reads orders_stream.yml as both programs do. A program whose config is wrong does not start on another machine, and
    without it the grader has to look for lake, checkpoint and state by their shape.
    """
    if evidence.config.settings is None:
        problems = evidence.config.problems
        raise Mismatch(
            expected="a config with the 14 keys of the hand-out",
            actual=f"{len(problems)} problems" if len(problems) > 1 else problems[0],
            samples=tuple({"problem": line} for line in problems[:3]),
        )


@config_valid.fails
def no_config(submission: Submission) -> None:
    submission.remove(CONFIG)


@config_valid.fails
def config_is_not_yaml(submission: Submission) -> None:
    submission.write(CONFIG, "postgres: [never closed")


@config_valid.passes
def config_in_a_folder_of_its_own(submission: Submission) -> None:
    submission.edit(lambda root: (root / CONFIG).rename(root / "orders_stream.yml"))
