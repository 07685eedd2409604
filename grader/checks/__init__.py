"""The checks: one check per file, grader/checks/<category>/<id>.py. Each file there is a check: no registration."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter

from grader.model import Check


@cache
def all_checks() -> Mapping[str, Check]:
    """id -> check, ordered by category and id.

    Raises:
        TypeError: a file has no check with the file's name, a check needs or explains one that does not
            exist, or checks explain each other in a circle.
    """
    checks: dict[str, Check] = {}
    for category in sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg):
        package = importlib.import_module(f"{__name__}.{category}")
        for name in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
            found = getattr(importlib.import_module(f"{package.__name__}.{name}"), name, None)
            if not isinstance(found, Check):
                raise TypeError(
                    f"grader/checks/{category}/{name}.py has no check named {name}: decorate it with @check(...)"
                )
            checks[name] = found
    for check in checks.values():
        for need in check.needs:
            if need not in checks:
                raise TypeError(f"check {check.id} needs {need}, but there is no check with this id")
        for effect in check.explains:
            if effect not in checks:
                raise TypeError(f"check {check.id} explains {effect}, but there is no check with this id")
    try:
        TopologicalSorter({check.id: check.explains for check in checks.values()}).prepare()
    except CycleError as error:
        raise TypeError(f"checks explain each other in a circle: {', '.join(error.args[1])}") from None
    return checks
