"""The text of the assignment in Markdown: assignment.md.j2, filled from the contract, the checks and the rubric."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from configs.contract import COLUMNS, ORDER_STATUSES, OrderRow
from configs.settings import DEFAULT_CONFIG, HAND_OUT, PROJECT
from grader.checks import all_checks
from grader.documentation import partial_text
from grader.model import Check
from grader.renderers import number
from grader.rubric import ADVICE, DEFAULT_RUBRIC, Rubric, load_rubric
from scripts.generated.document import Document, head
from scripts.handout.course import DEFAULT_COURSE, Course, load_course
from scripts.pipeline.orders import NewOrder
from scripts.rounds.bad_messages import messages
from scripts.rounds.dirty_rows import OF_ASSIGNMENT
from scripts.rounds.load import SECONDS, WRITERS
from scripts.rounds.run import ROWS

TITLE = "Food orders, from Postgres to a data lake"
TEMPLATE = Path(__file__).with_name("assignment.md.j2")
ORDERS_SQL = PROJECT / "db" / "orders.sql"
_ORDER = NewOrder("Asha Rao", "Dosa Corner", "Rava Dosa", Decimal("145.50"), "PLACED")
_ROW = OrderRow(order_id=11, **{**vars(_ORDER), "amount": "145.50"}, created_at="2025-11-18T12:24:00.123456Z")


def assignment_markdown(course: Course, rubric: Rubric, checks: Mapping[str, Check]) -> str:
    """The assignment without its title. It names no other document, so it can be read by itself."""
    programs = [program for program in dict.fromkeys(rubric.programs.values()) if program != ADVICE]
    by_program = {name: [checks[one] for one, owner in rubric.programs.items() if owner == name] for name in programs}
    totals = {name: number(sum(rubric.points[check.id] for check in owned)) for name, owned in by_program.items()}
    return _template().render(
        course=course,
        programs=by_program,
        totals=totals,
        total=number(sum(rubric.points.values())),
        points={check_id: number(points) for check_id, points in rubric.points.items()},
        advice=[checks[check_id] for check_id, owner in rubric.programs.items() if owner == ADVICE],
        partial=partial_text(rubric),
        unjudged=rubric.unjudged,
        create_table=create_table(),
        columns=COLUMNS,
        event=_ROW.model_dump() | {"amount": 145.5},
        statuses=ORDER_STATUSES,
        keys=HAND_OUT,
        example=yaml.safe_load(DEFAULT_CONFIG.read_text(encoding="utf-8")),
        rows=ROWS,
        bad_in_table=list(OF_ASSIGNMENT.in_table(_ORDER)),
        bad_on_topic=list(OF_ASSIGNMENT.on_topic({})),
        bad_messages=[message.mistake for message, _ in messages(_ROW)],
        writers=WRITERS,
        seconds=round(SECONDS),
    )


def create_table() -> str:
    """The CREATE TABLE of db/orders.sql, for the table `<rollnumber>_orders`."""
    found = re.search(r'^CREATE TABLE IF NOT EXISTS :"table" (\(.*?^\);)', ORDERS_SQL.read_text("utf-8"), re.M | re.S)
    if found is None:
        raise ValueError(f"{ORDERS_SQL} has no CREATE TABLE")
    return f'CREATE TABLE "<rollnumber>_orders" {found[1]}'


@cache
def _template() -> Template:
    # Markdown, not HTML: nothing is escaped. The texts are the kit's and the instructor's own.
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|")
    return environment.get_template(TEMPLATE.name)


def _assignment_page() -> str:
    checks = all_checks()
    sources = ("scripts/handout/assignment.md.j2", "configs/course.yml", "configs/rubric.yml", "grader/checks/")
    text = assignment_markdown(load_course(DEFAULT_COURSE), load_rubric(DEFAULT_RUBRIC, checks), checks)
    return head(TITLE, *sources) + text


ASSIGNMENT = Document(PROJECT / "docs" / "assignment.md", _assignment_page)
