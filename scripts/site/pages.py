"""Which documents the site has, by reader."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from configs.errors import KitError

# Reader -> the documents, in the order in which they are read. The first one of all is the site's first page.
READERS: Mapping[str, tuple[str, ...]] = {
    "Start": ("README.md",),
    "Student guide": ("docs/assignment.md", "docs/student.md"),
    "Instructor guide": ("docs/instructor.md", "docs/live_class.md", "docs/platforms.md"),
    "Check writer": ("docs/check_writer.md",),
    "Drill writer": ("docs/drill_writer.md",),
    "Reference": (
        "docs/checks.md",
        "docs/reports.md",
        "docs/glossary.md",
        "docs/benchmarks.md",
        "docs/growth.md",
        "docs/fidelity.md",
        "docs/drills.md",
        "docs/dependencies.md",
        "CONTRIBUTING.md",
    ),
}
# Every page of this folder is a page of the site.
FOLDERS: Mapping[str, str] = {"Pitfalls": "docs/pitfalls"}


@dataclass(frozen=True)
class Page:
    """A document. `source` and `target` are relative to the project and to the site's Markdown."""

    reader: str
    source: str
    target: str
    title: str


def site_pages(project: Path) -> tuple[Page, ...]:
    """All pages, by reader.

    Raises:
        KitError: a document is missing or has no title, or one of docs/ is not listed in READERS.
    """
    pages = tuple(_pages(project))
    listed = {page.source for page in pages}
    found = {path.relative_to(project).as_posix() for path in (project / "docs").glob("*.md")}
    if found - listed:
        raise KitError(f"{min(found - listed)} is not on the site. Add it to READERS in scripts/site/pages.py")
    return pages


def _pages(project: Path) -> Iterator[Page]:
    first = next(iter(READERS.values()))[0]
    for reader, sources in READERS.items():
        for source in sources:
            target = (
                "index.md" if source == first else source.removeprefix("docs/").replace("CONTRIBUTING", "contributing")
            )
            yield Page(reader, source, target, _title(project / source))
    for reader, folder in FOLDERS.items():
        # The folder's own first page comes first, whatever its name.
        paths = sorted((project / folder).glob("*.md"), key=lambda path: (path.stem.lower() not in _FIRST, path.name))
        for path in paths:
            source = path.relative_to(project).as_posix()
            name = "index.md" if path.name == "README.md" else path.name
            yield Page(reader, source, f"{folder.removeprefix('docs/')}/{name}", _title(path))


_FIRST = ("index", "readme")


def _title(path: Path) -> str:
    try:
        found = re.search(r"^# (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    except FileNotFoundError:
        raise KitError(f"{path} is missing. Remove it from READERS in scripts/site/pages.py") from None
    if found is None:
        raise KitError(f"{path} has no title: its first line must be `# ...`")
    return found[1].strip()
