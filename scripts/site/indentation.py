"""CommonMark, as a git host reads it, for Python-Markdown, which the site's builder uses.

Python-Markdown takes what belongs to a list item only if it is indented by four blanks. It wants a blank line before a
list, and between items if one of them has several blocks. Everything else in the documents means the same in both.
"""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

_WIDTH = 4
_LISTS = ("bullet_list", "ordered_list")


def for_python_markdown(text: str) -> str:
    """The same page, with lists as Python-Markdown wants them."""
    lines = text.split("\n")
    tree = SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(text))
    shift: dict[int, list[int]] = {}  # line -> the widths of the items that it is in, outermost first
    starts, blank = set[int](), set[int]()
    for node in tree.walk():
        if node.type in _LISTS and node.map:
            items = node.children
            has_blocks = any(len(item.children) > 1 for item in items)
            blank |= {item.map[0] for item in (items if has_blocks else items[:1]) if item.map}
        if node.type == "list_item" and node.map:
            begin, end = node.map
            starts.add(begin)
            outer = sum(shift.get(begin, ()))
            width = _content_column(lines[begin], outer, node.markup, node.info)
            for at in range(begin, end):
                shift.setdefault(at, []).append(width)
    result: list[str] = []
    for number, line in enumerate(lines):
        if number in blank and result and result[-1].strip():
            result.append("")
        result.append(_shifted(line, shift[number], number in starts) if number in shift else line)
    return "\n".join(result)


def _content_column(line: str, outer: int, markup: str, info: str) -> int:
    """Where the content of the item begins, counted from that of the item around it."""
    inner = line[outer:]
    marker = len(inner) - len(inner.lstrip()) + len(info) + len(markup)
    content = inner[marker:]
    return marker + max(1, len(content) - len(content.lstrip()))


def _shifted(line: str, widths: list[int], begins_item: bool) -> str:
    if not line.strip():
        return ""
    outer = widths[:-1]
    if begins_item:
        marker = line[sum(outer) : sum(widths)].strip()
        return f"{' ' * (_WIDTH * len(outer))}{marker:<{_WIDTH - 1}} {line[sum(widths) :]}"
    indented = len(line) - len(line.lstrip())
    content = line[min(indented, sum(widths)) :]  # a paragraph may continue with fewer blanks
    return f"{' ' * (_WIDTH * len(widths))}{content}"
