"""docs/growth.md, written from the text in growth.md.j2 and the tables in docs/measured/bench/."""

from __future__ import annotations

from pathlib import Path

import jinja2

from configs.settings import PROJECT
from scripts.bench.page import read_section
from scripts.generated.document import Document, head

TEXT = Path(__file__).with_name("growth.md.j2")
TABLES = ("growth", "s3_lake", "store_size")


def growth_markdown() -> str:
    """The page. A table that was not measured is left out."""
    found = {name: read_section(name) for name in TABLES}
    tables = {
        name: "" if section is None else section.markdown().replace("## ", "### ", 1) for name, section in found.items()
    }
    text = jinja2.Template(TEXT.read_text(encoding="utf-8"), undefined=jinja2.StrictUndefined).render(tables)
    return f"{head('Growth', 'scripts/bench/growth.md.j2', 'docs/measured/bench/')}{text}\n"


GROWTH = Document(PROJECT / "docs" / "growth.md", growth_markdown)
