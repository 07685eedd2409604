"""report.json; docs/report.schema.json describes it."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from grader.model import Report, Unjudged
from grader.renderers import number, unjudged_note

FILE_NAME = "report.json"
Cell = str | int | bool | None
Marks = Annotated[int | float, Field(ge=0)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Facts(_Document):
    """Figures of the evidence; null without evidence."""

    rows: int | None = Field(description="rows of the lake's files that count")
    distinct_order_ids: int | None
    duplicate_rows: int | None = Field(description="rows with an order_id, without the first row of each order_id")
    null_order_ids: int | None
    negative_amounts: int | None = Field(description="amounts that are null, below 0, infinite or not a number")
    partitions: dict[str, int] | None = Field(description="date folder -> rows")
    misplaced_rows: int | None = Field(description="rows in another folder than their created_at's UTC date")
    files: int | None = Field(description="Parquet files that count")
    orphan_files: int | None = Field(description="Parquet files that the sink log does not name; they do not count")
    missing_files: int | None = Field(description="files that the sink log names but that are not there")
    state_timestamp: str | None
    max_created_at: str | None
    last_offset_batch: int | None = Field(description="last batch that the checkpoint planned")
    last_commit_batch: int | None = Field(description="last batch that the checkpoint finished")
    end_offset: int | None = Field(description="end offsets of the last batch, added up over partitions")
    messages_read: int | None = Field(description="offsets from where the consumer began to its last batch")
    messages_rejected: int | None = Field(description="of these in the quarantine; null without a quarantine")
    messages_unexplained: int | None = Field(description="of these neither in the lake nor in the quarantine")
    database_rows: int | None


class FindingDocument(_Document):
    """The result of one check."""

    id: str
    title: str
    status: Literal["PASS", "FAIL", "SKIP", "ERROR"]
    points: Marks
    max_points: Marks = Field(description="0: advice, which decides nothing")
    expected: str | None
    actual: str | None = Field(description="what was found; for a SKIP or ERROR the reason")
    samples: list[dict[str, Cell]]
    hint: str
    doc: str
    explained_by: str | None = Field(description="id of the failed check that is the cause of this failure")


class ReportDocument(_Document):
    """A graded submission. The same evidence gives the same bytes, except for `graded_at`."""

    schema_version: Literal[1]
    submission: str
    rollnumber: str | None = Field(description="from the submission's config; null if it has none")
    kit_version: str
    rubric_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    graded_at: str = Field(description="UTC, ISO 8601")
    verdict: Literal["pass", "fail", "error"]
    score: Marks = Field(description="the mark, after the rubric's rule `unjudged`")
    max_score: Marks = Field(description="the highest possible score: the full total, or fewer with `exclude`")
    judged_score: Marks = Field(description="marks earned, before the rule `unjudged`")
    judged_max_score: Marks = Field(description="marks of the checks that could be judged")
    unjudged: Unjudged = Field(
        description="the rubric's rule for marks that could not be judged: scaled, counted as 0, or left out"
    )
    unjudged_note: str | None = Field(
        description="a sentence on marks that could not be judged; null if there are none"
    )
    facts: Facts
    assumptions: list[str] = Field(description="what the grader assumed, such as where the lake is")
    checks: list[FindingDocument]


def render(report: Report, graded_at: str) -> str:
    """The document's text."""
    text = json.dumps(document(report, graded_at).model_dump(), indent=2, ensure_ascii=False) + "\n"
    # A file name that is not UTF-8 has lone surrogates, which cannot be written. With a backslash they are JSON
    # escapes.
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")


def document(report: Report, graded_at: str) -> ReportDocument:
    """The report in the form of report.json."""
    return ReportDocument(
        schema_version=1,
        submission=report.submission,
        rollnumber=report.rollnumber,
        kit_version=report.kit_version,
        rubric_sha256=report.rubric_sha256,
        graded_at=graded_at,
        verdict=report.verdict,
        score=number(report.score),
        max_score=number(report.max_score),
        judged_score=number(report.judged_score),
        judged_max_score=number(report.judged_max_score),
        unjudged=report.unjudged,
        unjudged_note=unjudged_note(report),
        facts=Facts.model_validate({**dict.fromkeys(Facts.model_fields), **report.facts}),
        assumptions=list(report.assumptions),
        checks=[
            FindingDocument(
                id=finding.id,
                title=finding.title,
                status=finding.status.value,
                points=number(finding.points),
                max_points=number(finding.max_points),
                expected=finding.expected,
                actual=finding.actual,
                samples=[{key: _cell(value) for key, value in row.items()} for row in finding.samples],
                hint=finding.hint,
                doc=finding.doc,
                explained_by=finding.explained_by,
            )
            for finding in report.findings
        ],
    )


def schema() -> dict[str, Any]:
    """JSON Schema of the document."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ReportDocument.model_json_schema()}


def _cell(value: object) -> Cell:
    return value if value is None or isinstance(value, (str, int)) else str(value)
