"""The files of a project that its programs import, found by following the imports."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path


def imported_files(programs: Iterable[Path], root: Path) -> tuple[Path, ...]:
    """The programs, and every module below `root` that they import, directly or through another one, sorted.

    All imports count, also those in functions and in `try`. As in a run, a name is looked for beside the program and in
    `root`. A package's __init__.py is among the files. Modules of elsewhere are not: they are installed or missing.
    """
    found: set[Path] = set()
    for program in programs:
        places = (program.parent, root)
        pending = [program]
        while pending:
            path = pending.pop()
            if path not in found:
                found.add(path)
                pending += [module for name in _names(path, places) for module in _modules(name, places)]
    return tuple(sorted(found))


def _names(path: Path, places: tuple[Path, ...]) -> Iterator[str]:
    """Full names of all that a file may import. `from a import b` may mean the module a.b, or a name in a."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*_package(path, node.level, places), *filter(None, [node.module])])
            yield from filter(None, (base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)))


def _package(path: Path, level: int, places: tuple[Path, ...]) -> tuple[str, ...]:
    """The package that the dots of a relative import mean; () without dots."""
    if not level:
        return ()
    folder = path.parents[level - 1]
    # The longest name: a package below producers/ is also found from the project.
    names = [folder.relative_to(place).parts for place in places if folder.is_relative_to(place)]
    return max(names, key=len, default=())


def _modules(name: str, places: tuple[Path, ...]) -> Iterator[Path]:
    """The files that `import name` reads: the __init__.py of each package on the way, then the module."""
    parts = name.split(".")
    for place in places:
        for count in range(1, len(parts) + 1):
            module = place.joinpath(*parts[:count])
            yield from (
                path for path in (module / "__init__.py", module.with_name(f"{module.name}.py")) if path.is_file()
            )
