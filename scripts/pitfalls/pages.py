"""The pages of docs/pitfalls/: a lesson for each pitfall, and README.md, which lists them."""

from __future__ import annotations

import textwrap
from functools import cache
from pathlib import Path

import jinja2

from configs.settings import PROJECT
from configs.wording import counted
from grader.checks import all_checks
from grader.documentation import finding_text
from grader.renderers import number
from grader.rubric import DEFAULT_RUBRIC, load_rubric
from scripts.drills import all_drills
from scripts.drills.documentation import Figures, measured_figures, printed_table
from scripts.generated.document import Document, head
from scripts.pipeline.programs import NAIVE
from scripts.pitfalls.catalogue import PITFALLS, Pitfall
from scripts.pitfalls.quote import quote
from scripts.services.stack import OURS

FOLDER = PROJECT / "docs" / "pitfalls"
LESSONS = Path(__file__).with_name("lessons")
WIDTH = 120
SOURCES = ("scripts/pitfalls/", "producers/", "consumers/", "tests/naive_baseline/", "docs/measured/drills.json")


@cache
def _templates() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(LESSONS)
    environment = jinja2.Environment(loader=loader, trim_blocks=True, keep_trailing_newline=True)
    environment.undefined = jinja2.StrictUndefined
    environment.globals["quote"] = _quoted
    environment.globals["naive"] = _naive
    return environment


def lesson(pitfall: Pitfall) -> str:
    """The page of a pitfall.

    Raises:
        KitError: the code has no longer what the page quotes.
    """
    naive, ours = (measured_figures(programs.name, pitfall.drill) for programs in (NAIVE, OURS))
    return (
        _templates()
        .get_template(f"{pitfall.name}.md.j2")
        .render(
            head=head(pitfall.title, *SOURCES),
            pitfall=pitfall,
            drill=all_drills()[pitfall.drill],
            naive_printed=_printed(pitfall.drill, naive),
            ours_printed=_printed(pitfall.drill, ours),
            recorded=_recorded(pitfall.kind, naive),
            finding=_finding(pitfall),
            anchor=_anchor(pitfall.check),
        )
    )


def index() -> str:
    """docs/pitfalls/README.md."""
    rows = [f"| [{item.title}]({item.name}.md) | `{item.place}` | `{item.drill}` | {item.kind} |" for item in PITFALLS]
    table = "\n".join(["| mistake | stopped in | drill | what it shows |", "|---|---|---|---|", *rows])
    template = _templates().get_template("README.md.j2")
    return template.render(head=head("Pitfalls", "scripts/pitfalls/"), table=table, first=PITFALLS[0])


def _quoted(path: str, name: str, *containing: str) -> str:
    """A block of code under the names of its file and its function."""
    return f"`{path}`, `{name}`:\n\n```python\n{quote(PROJECT / path, name, *containing)}\n```"


def _naive(program: str, name: str | None, *containing: str) -> str:
    """A block of code of the naive baseline. `program`: producers/ or consumers/ and the file."""
    return f"```python\n{quote(PROJECT / 'tests' / 'naive_baseline' / program, name, *containing)}\n```"


def _printed(drill: str, figures: Figures | None) -> str:
    """The end of what `make drills` printed when it was recorded."""
    if figures is None:
        return "    (not recorded yet)"
    table = printed_table(drill, figures)
    return textwrap.indent(f"{table}\n\n{figures.clean} of {figures.runs} clean in ...", "    ")


def _recorded(kind: str, figures: Figures | None) -> str:
    if figures is None:
        return "It was not recorded yet how many"
    if kind == "unaccounted":
        return f"In this run {figures.unaccounted} of {counted(figures.messages, 'message')} were nowhere"
    if kind == "repeated":
        return f"In this run {counted(figures.repeated, 'row')} of the lake had an order_id that was there already"
    return f"In this run {figures.lost} of {counted(figures.rows, 'row')} were lost"


def _finding(pitfall: Pitfall) -> str:
    """What the check finds in its example: what it expects, what it found, and the first row, cut to the page."""
    lines = finding_text(all_checks()[pitfall.check], pitfall.example).splitlines()[:3]
    return "\n".join(line if len(line) <= WIDTH else f"{line[: WIDTH - 4]} ..." for line in lines)


def _anchor(check_id: str) -> str:
    """Of the check's heading in docs/checks.md, which ends with its marks: "no_missing_orders (2)"."""
    points = load_rubric(DEFAULT_RUBRIC, all_checks()).points[check_id]
    return f"{check_id}-{str(number(points)).replace('.', '')}" if points else check_id


def _document(pitfall: Pitfall) -> Document:
    return Document(FOLDER / f"{pitfall.name}.md", lambda: lesson(pitfall))


PAGES = (Document(FOLDER / "README.md", index), *map(_document, PITFALLS))
