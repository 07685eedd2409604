from grader.builder import CONFIG, Submission
from grader.evidence import Evidence
from grader.model import Mismatch, check


@check(
    needs=("config_valid",),
    hint="Remove the blank from jdbc_url. A program that reads this key cannot connect.",
)
def jdbc_url_usable(evidence: Evidence) -> None:
    """PgJDBC can connect with the config's jdbc_url.

    The pipeline ran, so its programs do not read this key: they build the URL from host, port and db. That is correct
    and costs no marks. A program that reads the key would not start. If nothing ran yet, config_valid fails.
    """
    if evidence.config.jdbc_url_problem:
        raise Mismatch(expected="a jdbc_url that PgJDBC can use", actual=evidence.config.jdbc_url_problem)


@jdbc_url_usable.fails(says="PgJDBC asks for a database 'food_delivery '")
def blank_in_a_jdbc_url_that_the_pipeline_never_read(submission: Submission) -> None:
    submission.edit(lambda root: (root / CONFIG).write_text(_with_a_blank((root / CONFIG).read_text())))


def _with_a_blank(config: str) -> str:
    url = "jdbc:postgresql://127.0.0.1:5432/food_delivery"
    assert url in config
    return config.replace(url, f'"{url} "')
