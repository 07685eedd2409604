"""Code that a page quotes from its source, so that the page never differs from the code."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

from configs.errors import KitError
from scripts.starter.cuts import is_for_students

_NOTE = re.compile(r"\s*### ")  # to students


def quote(path: Path, name: str | None = None, *containing: str) -> str:
    """The source of the function, class or variable `name`, or of the whole file, without its docstring.

    With `containing`: only the head of the function, and for each text the innermost statement that contains it. "..."
    stands for what is left out.

    Raises:
        KitError: the file has no such name, or no statement with such a text. The page must be changed with the code.
    """
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    tree = ast.parse(source)
    scope = tree if name is None else _named(tree, name, path)
    left_out = {number for number, line in enumerate(lines, 1) if is_for_students(line) or _NOTE.match(line)}
    hidden = left_out | _docstring(scope)
    if containing:
        shown = _head(scope).union(*(_lines(_innermost(scope, text, source, path)) for text in containing))
    else:
        shown = set(_lines(scope))
    result: list[str] = []
    before: int | None = None
    for number in sorted(shown - hidden):
        line = lines[number - 1]
        if before is not None and any(lines[gap - 1].strip() for gap in {*range(before + 1, number)} - hidden):
            result.append(" " * (len(line) - len(line.lstrip())) + "...")
        result.append(line)
        before = number
    return textwrap.dedent("\n".join(result)).strip("\n")


def _named(tree: ast.Module, name: str, path: Path) -> ast.stmt:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name:
            return node
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in node.targets):
            return node
    raise KitError(f"{path} has no function, class or variable {name}, which a page of docs/pitfalls/ quotes.")


def _innermost(scope: ast.AST, text: str, source: str, path: Path) -> ast.stmt:
    found = [
        node
        for node in ast.walk(scope)
        if isinstance(node, ast.stmt) and node is not scope and text in (ast.get_source_segment(source, node) or "")
    ]
    if not found:
        raise KitError(f"{path} has no statement with {text!r}, which a page of docs/pitfalls/ quotes.")
    return min(found, key=lambda node: len(_lines(node)))


def _lines(node: ast.AST) -> range:
    """The numbers of the node's lines, from 1. Of the whole file: all that have a statement."""
    if isinstance(node, ast.Module):
        return range(1, max((_lines(statement).stop for statement in node.body), default=1))
    assert isinstance(node, ast.stmt)
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _head(scope: ast.AST) -> set[int]:
    """The lines of a function's or a class's head."""
    if not isinstance(scope, (ast.FunctionDef, ast.ClassDef)):
        return set()
    return {*range(scope.lineno, scope.body[0].lineno)}


def _docstring(scope: ast.AST) -> set[int]:
    if isinstance(scope, (ast.FunctionDef, ast.ClassDef, ast.Module)) and ast.get_docstring(scope) is not None:
        return {*_lines(scope.body[0])}
    return set()
