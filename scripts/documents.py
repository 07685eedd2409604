"""`make docs` and `make docs-check`: python -m scripts.documents [--check].

Writes every generated document, or names those that are out of date. It takes seconds, because it measures nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from configs.errors import run_command
from configs.settings import PROJECT
from configs.wording import counted
from grader.checks import all_checks
from grader.documentation import checks_markdown, schema_text
from grader.rubric import DEFAULT_RUBRIC, load_rubric
from scripts.bench.growth_page import GROWTH
from scripts.bench.page import BENCHMARKS
from scripts.drills.documentation import DRILLS
from scripts.fidelity.table import FIDELITY
from scripts.generated.document import Document, head
from scripts.handout.text import ASSIGNMENT
from scripts.pitfalls.pages import PAGES as PITFALLS


def _checks_page() -> str:
    checks = all_checks()
    page = checks_markdown(checks, load_rubric(DEFAULT_RUBRIC, checks))
    return head("The checks", "grader/checks/", "configs/rubric.yml") + page


CHECKS = Document(PROJECT / "docs" / "checks.md", _checks_page)
SCHEMA = Document(PROJECT / "docs" / "report.schema.json", schema_text)
DOCUMENTS = (ASSIGNMENT, CHECKS, SCHEMA, DRILLS, FIDELITY, BENCHMARKS, GROWTH, *PITFALLS)


def write(documents: Sequence[Document]) -> int:
    """Write the documents that are out of date, and name them. Exit code 0."""
    stale = [document for document in documents if not document.is_current()]
    for document in stale:
        document.write()
        print(f"wrote {document.path}")
    print(f"Up to date: {counted(len(documents), 'document')}")
    return 0


def check(documents: Sequence[Document]) -> int:
    """Name the documents that are out of date. Exit code 1 if there is one, else 0."""
    stale = [document for document in documents if not document.is_current()]
    for document in stale:
        print(f"{document.path} is out of date. Run `make docs` to write it again, and commit it.", file=sys.stderr)
    return 1 if stale else 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.documents", description="What `make docs` calls.")
    parser.add_argument("--check", action="store_true", help="write nothing; name each document that is out of date")
    options = parser.parse_args(arguments)
    return run_command(lambda: (check if options.check else write)(DOCUMENTS))


if __name__ == "__main__":
    sys.exit(main())
