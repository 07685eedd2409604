"""Markdown as the source of Typst, which makes the PDF. Texts go in as strings: no text of a page can become markup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

_ALIGNMENTS = {"text-align:right": "right", "text-align:center": "center"}


def parse(markdown: str) -> list[Token]:
    """The tokens of CommonMark with tables. HTML in it is text."""
    return MarkdownIt("commonmark", {"html": False}).enable("table").parse(markdown)


def typst_source(markdown: str) -> str:
    """The Typst source of a page in Markdown.

    Raises:
        ValueError: the page has something that is not translated here, such as an image.
    """
    return "\n\n".join(_block(node) for node in SyntaxTreeNode(parse(markdown)).children) + "\n"


def string(text: str) -> str:
    """A text as a string of Typst, whose escapes are `\\\\`, `\\"`, `\\n` and `\\u{...}`."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _block(node: SyntaxTreeNode) -> str:
    match node.type:
        case "paragraph":
            return _inlines(node)
        case "heading":
            return f"#heading(level: {node.tag[1:]})[{_inlines(node)}]"
        case "fence":
            language = f", lang: {string(node.info)}" if node.info else ""
            return f"#raw({string(node.content.rstrip())}, block: true{language})"
        case "code_block":
            return f"#raw({string(node.content.rstrip())}, block: true)"
        case "bullet_list":
            return f"#list({_items(node)})"
        case "ordered_list":
            return f"#enum({_items(node)})"
        case "table":
            return _table(node)
    raise ValueError(f"a page for Typst has a block of type {node.type}: translate it in {__name__}")


def _items(node: SyntaxTreeNode) -> str:
    return ", ".join(f"[{chr(10).join(map(_block, item.children))}]" for item in node.children)


def _table(node: SyntaxTreeNode) -> str:
    """A table whose header is repeated on each page. Columns are as wide as their texts need."""
    head, *body = node.children
    (titles,) = head.children
    alignments = [_ALIGNMENTS.get(str(cell.attrs.get("style")), "left") for cell in titles.children]
    header = [_inlines(cell) for cell in titles.children]
    rows = [[_inlines(cell) for cell in row.children] for part in body for row in part.children]
    parts = [f"columns: {len(header)}", f"align: ({', '.join(alignments)},)"]
    if any(header):
        parts.append(f"table.header({_cells([f'#strong[{title}]' for title in header])})")
    else:
        parts.append("fill: none")
    return f"#table({', '.join([*parts, *map(_cells, rows)])})"


def _cells(texts: Sequence[str]) -> str:
    return ", ".join(f"[{text}]" for text in texts)


def _inlines(node: SyntaxTreeNode) -> str:
    return "".join(piece for inline in node.children for one in inline.children for piece in _inline(one))


def _inline(node: SyntaxTreeNode) -> Iterator[str]:
    inside = "".join(piece for one in node.children for piece in _inline(one))
    match node.type:
        case "text" | "text_special":
            yield f"#{string(node.content)};"
        case "softbreak":
            yield " "
        case "hardbreak":
            yield "#linebreak();"
        case "code_inline":
            yield f"#raw({string(node.content)});"
        case "strong":
            yield f"#strong[{inside}];"
        case "em":
            yield f"#emph[{inside}];"
        case "link":
            yield f"#link({string(str(node.attrs['href']))})[{inside}];"
        case _:
            raise ValueError(f"a page for Typst has a text of type {node.type}: translate it in {__name__}")
