"""`make site OUT=dir`: python -m scripts.site [--out DIR]."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from configs.errors import KitError, run_command
from configs.settings import PROJECT
from configs.wording import counted
from scripts.docs_venv import run_in_docs_venv
from scripts.site.links import mistakes_of
from scripts.site.pages import Page, site_pages
from scripts.site.source import write_source

DEFAULT_OUT = PROJECT / "reports" / "site"
_CONFIG = Path(__file__).with_name("mkdocs.yml")
_ASSETS = ("iframe-worker.js", "style.css")
_MARK = "search.js"  # a site has it; a folder that somebody else made has not


def build_site(out: Path, project: Path = PROJECT) -> tuple[Page, ...]:
    """Write the site of the project's documents into the folder, in place of an earlier site. Returns its pages.

    Raises:
        KitError: the folder has something else in it, a link is dead, or the builder failed.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / _MARK).is_file():
        raise KitError(f"{out} has files that are no site, and they would be removed. Name another folder with OUT=")
    pages = site_pages(project)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_source(project, pages, folder / "docs")
        for name in _ASSETS:
            shutil.copy(_CONFIG.with_name(name), folder / "docs")
        config = yaml.safe_load(_CONFIG.read_text(encoding="utf-8")) | {"nav": _navigation(pages)}
        (folder / "mkdocs.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        run_in_docs_venv(["-m", "zensical", "build", "--strict"], "The site could not be built", folder)
        site = folder / "site"
        mistakes = mistakes_of(site)
        if mistakes:
            raise KitError("The site has dead links:\n  " + "\n  ".join(mistakes))
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(site, out)
    return pages


def _navigation(pages: Sequence[Page]) -> list[dict[str, Any]]:
    """A tab for each reader. A reader's only page is the tab itself."""
    readers: dict[str, list[Page]] = {}
    for page in pages:
        readers.setdefault(page.reader, []).append(page)
    return [
        {reader: [{page.title: page.target} for page in owned] if len(owned) > 1 else owned[0].target}
        for reader, owned in readers.items()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.site", description="What `make site` calls.")
    out = Path(os.environ.get("OUT") or DEFAULT_OUT)
    parser.add_argument("--out", type=Path, default=out, help="folder of the site (default: OUT, or reports/site)")
    options = parser.parse_args(arguments)

    def command() -> int:
        pages = build_site(options.out)
        print(f"wrote {counted(len(pages), 'page')}. Open {options.out / 'index.html'}")
        return 0

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
