"""`make handout OUT=dir`: python -m scripts.handout [--out DIR] [--course FILE] [--rubric FILE]."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

from configs.errors import run_command
from configs.settings import PROJECT
from grader.checks import all_checks
from grader.renderers.page_template import page_template
from grader.rubric import DEFAULT_RUBRIC, load_rubric
from scripts.docs_venv import run_in_docs_venv
from scripts.handout.course import DEFAULT_COURSE, Course, load_course
from scripts.handout.text import TITLE, assignment_markdown
from scripts.handout.typst import string, typst_source

DEFAULT_OUT = PROJECT / "reports" / "handout"
MARKDOWN, HTML, PDF = "assignment.md", "assignment.html", "assignment.pdf"
_HERE = Path(__file__).parent
_COMPILE = "import sys, typst; typst.compile(sys.argv[1], output=sys.argv[2])"


def write_handout(out: Path, course: Course, rubric: Path) -> tuple[Path, ...]:
    """Write the three files into the folder, and return their paths.

    Raises:
        KitError: the rubric cannot be used, or the PDF cannot be made.
        OSError: the folder cannot be written.
    """
    checks = all_checks()
    text = assignment_markdown(course, load_rubric(rubric, checks), checks)
    out.mkdir(parents=True, exist_ok=True)
    (out / MARKDOWN).write_text(f"# {TITLE}\n\n{text}", encoding="utf-8")
    (out / HTML).write_text(html_page(text), encoding="utf-8")
    write_pdf(out / PDF, text, course)
    return tuple(out / name for name in (MARKDOWN, HTML, PDF))


def html_page(markdown: str) -> str:
    """One page with its style and without a script. Markup in a text stays text."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    return page_template(_HERE / "page.html.j2", {}).render(title=TITLE, body=Markup(body))


def write_pdf(path: Path, markdown: str, course: Course) -> None:
    """Typeset the page with Typst, which is in .venv-docs.

    Raises:
        KitError: Typst cannot be installed, or refused the page.
    """
    names = f"#let title = {string(TITLE)}\n#let course = {string(course.name)}\n"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "assignment.typ"
        style = (_HERE / "page.typ").read_text(encoding="utf-8")
        source.write_text(f"{names}{style}\n{typst_source(markdown)}", encoding="utf-8")
        run_in_docs_venv(["-c", _COMPILE, str(source), str(path.resolve())], f"{path} could not be made")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.handout", description="What `make handout` calls.")
    out = Path(os.environ.get("OUT") or DEFAULT_OUT)
    parser.add_argument("--out", type=Path, default=out, help="folder of the result (default: OUT, or reports/handout)")
    parser.add_argument("--course", type=Path, default=DEFAULT_COURSE, help="instead of configs/course.yml")
    parser.add_argument("--rubric", type=Path, default=DEFAULT_RUBRIC, help="instead of configs/rubric.yml")
    options = parser.parse_args(arguments)

    def command() -> int:
        for path in write_handout(options.out, load_course(options.course), options.rubric):
            print(f"wrote {path}")
        return 0

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
