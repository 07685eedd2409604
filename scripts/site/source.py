"""The site's Markdown: the documents, with links that fit their place on the site, and the files that they link to."""

from __future__ import annotations

import os.path
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from configs.errors import KitError
from scripts.site.indentation import for_python_markdown
from scripts.site.pages import Page

FILES = "files"  # on the site: files of the project that a page links to
PICTURES = "docs/pictures/"
# Code first, in which nothing is a link.
_LINK = re.compile(r"(?P<code>^```.*?^```|`[^`\n]+`)|\]\((?P<target>[^()\s]+)\)", re.MULTILINE | re.DOTALL)


def write_source(project: Path, pages: Sequence[Page], folder: Path) -> None:
    """Write each page, and copy each file that a page links to.

    Raises:
        KitError: a link leads to nothing in the project.
    """
    targets = {page.source: page.target for page in pages}
    for page in pages:
        text = (project / page.source).read_text(encoding="utf-8")
        path = folder / page.target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(for_python_markdown(_linked(project, page, text, targets, folder)), encoding="utf-8")


def _linked(project: Path, page: Page, text: str, targets: Mapping[str, str], folder: Path) -> str:
    def replaced(match: re.Match[str]) -> str:
        target = match["target"]
        if match["code"] or target.startswith(("https://", "http://", "mailto:", "#")):
            return match[0]
        return f"]({_target(project, page, target, targets, folder)})"

    return _LINK.sub(replaced, text)


def _target(project: Path, page: Page, link: str, targets: Mapping[str, str], folder: Path) -> str:
    name, mark, anchor = link.partition("#")
    source = os.path.normpath(PurePosixPath(page.source).parent / name)
    target = targets.get(source)
    if target is None:
        file = project / source
        if not file.is_file():
            raise KitError(f"{page.source} links to {link}, which is not there. Correct the link")
        target = source.removeprefix("docs/") if source.startswith(PICTURES) else f"{FILES}/{source}"
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / target)
    return f"{os.path.relpath(target, PurePosixPath(page.target).parent)}{mark}{anchor}"
