"""The links of a built site: every one inside it leads somewhere, anchors too, and nothing is loaded from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Elements that make a browser load an address, and the attribute that names it. A link that is followed is not one.
_LOADING = {
    ("img", "src"),
    ("script", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("video", "src"),
    ("audio", "src"),
    ("embed", "src"),
    ("object", "data"),
    ("link", "href"),
}
_NOT_LOADED = {"canonical", "prev", "next", "alternate", "license"}  # rel of <link>
NOT_FOUND_PAGE = "404.html"  # for web servers; its links are those of a server's root


@dataclass
class _Page(HTMLParser):
    """The addresses of a page, and what its anchors can be."""

    loaded: list[str] = field(default_factory=list)
    followed: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.followed.append(values["href"])
        for name, value in values.items():
            if (tag, name) in _LOADING and not set(values.get("rel", "").split()) & _NOT_LOADED:
                self.loaded.append(value)


def mistakes_of(site: Path) -> list[str]:
    """A line for each dead link and each address outside that a page would load, with the page's name."""
    pages = {path.resolve(): _read(path) for path in sorted(site.rglob("*.html")) if path.name != NOT_FOUND_PAGE}
    return [
        f"{path.relative_to(site.resolve())}: {mistake}"
        for path, page in pages.items()
        for mistake in _of(path, page, pages)
    ]


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _of(path: Path, page: _Page, pages: Mapping[Path, _Page]) -> Iterator[str]:
    for address in page.loaded:
        parts = urlsplit(address)
        if parts.netloc or parts.scheme not in ("", "data"):
            yield f"loads {address}, which is outside"
        elif not parts.scheme and not (path.parent / unquote(parts.path)).is_file():
            yield f"loads {address}, which is not there"
    for address in page.followed:
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if target.is_dir():
            target /= "index.html"
        if not target.is_file():
            yield f"links to {address}, which is not there"
        elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
            yield f"links to {address}, which has no such anchor"
