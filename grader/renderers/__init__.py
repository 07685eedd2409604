"""The formats of a report, one module each: terminal, JSON, JUnit XML, Markdown, Gradescope and HTML.

Text from a submission (a customer's name, a file's name) may contain anything. `readable` makes it safe to print. Each
format then escapes it for its own syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from grader.model import DID_NOT_END, NOT_JUDGED, Finding, Report, Status

ADVICE = "ADVICE"
MAX_ROWS = 3
GRADING_ENDED = "This costs no marks. Look at the submission's files, or grade again with a higher limit."
GRADER_BROKE = "This is a mistake of the grader and costs no marks. Run it again with --debug, and report the problem."

# part-00000-5bb1f1d8-a189-5f39-a8ce-866ffec102e5.c000.snappy.parquet is shown as part-00000-5bb1f1d8*.parquet: unique
# in practice, and a shell finds the file by it.
_SPARK_FILE = re.compile(r"(part-\d+-[0-9a-f]{8})-[0-9a-f]{4}(?:-[0-9a-f]{4}){2}-[0-9a-f]{12}[\w.\-]*?(\.parquet)")
_LONGEST_TEXT = 2000
_LONGEST_CELL = 160
# Control characters can move a terminal's cursor or end an XML document. Others change the direction of writing. Lone
# surrogates cannot be written to a file. The joiners that Indic scripts need are kept.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufffe\uffff]"
)


def printable(text: str, longest: int = _LONGEST_TEXT) -> str:
    """The text with control characters as escapes such as \\x1b, and cut if it is too long."""
    shown = _UNPRINTABLE.sub(_written_out, text[: longest + 1])
    return f"{shown[:longest]}…" if len(shown) > longest else shown


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def one_line(text: str, longest: int = _LONGEST_CELL) -> str:
    """`printable` for one line of a list or one cell of a table."""
    return printable(text.replace("\n", "\\n").replace("\t", "\\t"), longest)


def readable(report: Report) -> Report:
    """The report with every text safe to print, and each row on one line."""
    facts = {
        key: {one_line(day): rows for day, rows in value.items()}
        if isinstance(value, Mapping)
        else printable(value)
        if isinstance(value, str)
        else value
        for key, value in report.facts.items()
    }
    return replace(
        report,
        submission=one_line(report.submission),
        rollnumber=None if report.rollnumber is None else one_line(report.rollnumber),
        facts=facts,
        findings=tuple(_readable_finding(finding) for finding in report.findings),
        assumptions=tuple(printable(line) for line in report.assumptions),
    )


def _readable_finding(finding: Finding) -> Finding:
    return replace(
        finding,
        expected=None if finding.expected is None else printable(finding.expected),
        actual=None if finding.actual is None else printable(finding.actual),
        samples=tuple({one_line(key): _readable_cell(value) for key, value in row.items()} for row in finding.samples),
    )


def short_file_names(text: str) -> str:
    """The text with the names of Spark's files cut to what tells them apart."""
    return _SPARK_FILE.sub(r"\1*\2", text)


def _readable_cell(value: object) -> object:
    if value is None or isinstance(value, (bool, int)):
        return value
    return one_line(short_file_names(str(value)))


def number(value: float) -> int | float:
    """Marks in the usual form: 10, not 10.0; 0.25 stays 0.25."""
    return int(value) if value == int(value) else round(value, 2)


def word(finding: Finding) -> str:
    """The status that a reader sees: a failed check without marks is ADVICE."""
    return ADVICE if finding.is_advice and finding.status is Status.FAIL else finding.status.value


def effects(report: Report) -> dict[str, list[Finding]]:
    """Id of a cause -> the findings that it explains, in the rubric's order."""
    found: dict[str, list[Finding]] = {}
    for finding in report.findings:
        if finding.explained_by is not None:
            found.setdefault(finding.explained_by, []).append(finding)
    return found


def by_urgency(report: Report) -> list[Finding]:
    """Findings with failures first, then errors, advice, skips and passes, each in the rubric's order.

    A cause and its effects stay together, at the place of the most urgent of them. Causes come before other failures.
    """
    order = [Status.FAIL.value, Status.ERROR.value, ADVICE, Status.SKIP.value, Status.PASS.value]
    below = effects(report)
    groups = [[one, *below.get(one.id, [])] for one in report.findings if one.explained_by is None]
    groups.sort(key=lambda group: (min(order.index(word(finding)) for finding in group), len(group) == 1))
    return [finding for group in groups for finding in group]


def to_fix(report: Report) -> list[Finding]:
    """The findings that need an action, the most urgent first. What another finding explains is not among them."""
    urgent = (Status.FAIL, Status.ERROR, ADVICE)
    return [finding for finding in by_urgency(report) if word(finding) in urgent and finding.explained_by is None]


def not_judged(report: Report) -> dict[str, list[Finding]]:
    """Reason -> the skipped checks. Often many checks lack the same evidence."""
    reasons: dict[str, list[Finding]] = {}
    for finding in report.findings:
        if finding.status is Status.SKIP:
            reasons.setdefault((finding.actual or "").removeprefix(NOT_JUDGED), []).append(finding)
    return reasons


def next_step(finding: Finding) -> str:
    """The reader's next step for a finding that did not pass. An effect has none of its own: see its cause."""
    if finding.explained_by is not None:
        return f"see {finding.explained_by}, which explains this"
    if finding.status is not Status.ERROR:
        return finding.hint
    return GRADING_ENDED if (finding.actual or "").startswith(DID_NOT_END) else GRADER_BROKE


def cell_text(value: object) -> str:
    """A value of an example row: null for None."""
    return "null" if value is None else str(value)


def row_text(row: Mapping[str, object]) -> str:
    """An example row on one line: order_id 7, amount -5.00."""
    return ", ".join(f"{key} {cell_text(value)}" for key, value in row.items())


def counts(report: Report) -> dict[str, int]:
    """word -> number of findings, the most urgent first. A word without findings is left out."""
    words = [word(finding) for finding in by_urgency(report)]
    return {name: words.count(name) for name in dict.fromkeys(words)}


def tally(report: Report) -> str:
    """`counts` as text: 1 FAIL, 2 SKIP, 26 PASS."""
    return ", ".join(f"{count} {name}" for name, count in counts(report).items())


def marks_of(finding: Finding) -> str:
    """A finding's marks as text: 0.5/1. A check that could not be judged costs nothing: -/1."""
    if finding.is_advice:
        return "-"
    return f"{number(finding.points) if finding.is_judged else '-'}/{number(finding.max_points)}"


def open_marks(findings: Iterable[Finding]) -> str:
    """The marks of checks that were not judged: "2 marks open", or "0 of 2 marks" if they are lost; "" for advice."""
    listed = list(findings)
    total = number(sum(finding.max_points for finding in listed))
    if not total:
        return ""
    noun = "mark" if total == 1 else "marks"
    is_open = not any(finding.is_judged for finding in listed if not finding.is_advice)
    return f"{total} {noun} open" if is_open else f"0 of {total} {noun}"


def marks_bar(report: Report) -> list[tuple[str, int | float, str]]:
    """The parts of the total: (CSS class, marks, what became of them), without empty parts."""
    broken = sum(finding.max_points for finding in report.findings if finding.status is Status.ERROR)
    parts = (
        ("PASS", report.judged_score, "earned"),
        ("FAIL", report.judged_max_score - report.judged_score, "lost"),
        ("SKIP", report.total - report.judged_max_score - broken, "without evidence"),
        ("ERROR", broken, "not judged, because the grader broke"),
    )
    return [(style, number(round(part, 2)), what) for style, part, what in parts if round(part, 2)]


def marks(report: Report) -> str:
    """The marks as text: 19.5 of 20 marks."""
    return f"{number(report.score)} of {number(report.max_score)} marks"


def unjudged_note(report: Report) -> str | None:
    """Sentences on the marks that could not be judged, and what the rubric makes of them; None if there are none."""
    total, judged = number(report.total), number(report.judged_max_score)
    if judged == total:
        return None
    rule = f"(rubric: unjudged: {report.unjudged})"
    if not report.max_score:
        return f"None of the {total} marks could be judged, so this is not a mark {rule}."
    open_ = f"{number(report.total - report.judged_max_score)} of {total} marks could not be judged"
    if report.unjudged == "exclude":
        return f"{open_} and are left out, so the mark is of {judged}, not of {total} {rule}."
    if report.unjudged == "scale":
        earned = f"{number(report.judged_score)} of {judged}"
        return f"{open_}. The mark is {earned}, scaled to {number(report.score)} of {total} {rule}."
    broken = number(sum(finding.max_points for finding in report.findings if not report.is_counted(finding)))
    scaled = f" The grader broke for {broken} of them. These are not lost: the others are scaled up." if broken else ""
    return f"{open_}. Without evidence they count as 0 {rule}.{scaled}"
