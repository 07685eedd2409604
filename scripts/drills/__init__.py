"""The drills: faults that are injected into a running pipeline. Each is one file: scripts/drills/<category>/<name>.py.

Every such file is a drill: there is nothing to register.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.drills.model import Drill


@cache
def all_drills() -> Mapping[str, Drill]:
    """name -> drill, ordered by category and name.

    Raises:
        TypeError: a file has no drill with the name of the file.
    """
    from scripts.drills.model import Drill

    drills: dict[str, Drill] = {}
    for category in sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg):
        package = importlib.import_module(f"{__name__}.{category}")
        for name in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
            found = getattr(importlib.import_module(f"{package.__name__}.{name}"), name, None)
            if not isinstance(found, Drill):
                raise TypeError(
                    f"scripts/drills/{category}/{name}.py has no drill named {name}. Decorate it with @drill(...)"
                )
            drills[name] = found
    return drills
