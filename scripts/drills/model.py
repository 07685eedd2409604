"""The types of the drills: a Drill injects a fault, a Result says what the lake holds afterwards."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from scripts.drills.balance import Balance

if TYPE_CHECKING:
    from scripts.drills.pipeline import Pipeline

NOT_RUN = "Not run: its programs are not made for a cluster."
CLUSTER = "cluster"  # the category of drills for a Spark cluster, three brokers and a lake on S3
Inject: TypeAlias = "Callable[[Pipeline], None]"


@dataclass(frozen=True)
class Drill:
    """One fault. `inject` causes it in a running pipeline and returns, whatever the pipeline does.

    `title` is the first line of the docstring and `doc` the rest of it: what is injected. `naive` says what it does
    to the naive baseline, `withstands` why our pipeline survives it.
    """

    name: str
    category: str
    title: str
    doc: str
    naive: str
    withstands: str
    inject: Inject

    @property
    def needs_cluster(self) -> bool:
        return self.category == CLUSTER


def drill(*, withstands: str, naive: str = NOT_RUN) -> Callable[[Inject], Drill]:
    """Make a drill of a function: its name is the drill's, its docstring the documentation.

    Raises:
        TypeError: the function has no docstring, or is not in scripts/drills/<category>/<name>.py.
    """

    def make(inject: Inject) -> Drill:
        text = inspect.getdoc(inject)
        package, _, module = inject.__module__.rpartition(".")
        if not text:
            raise TypeError(f"drill {inject.__name__} needs a docstring: its first line says what happens")
        if module != inject.__name__:
            raise TypeError(
                f"drill {inject.__name__} is in {module}.py; put it in {inject.__name__}.py: one drill in each file"
            )
        first, _, rest = text.partition("\n")
        return Drill(
            name=inject.__name__,
            category=package.rpartition(".")[2],
            title=first.strip(),
            doc=rest.strip(),
            naive=naive,
            withstands=withstands,
            inject=inject,
        )

    return make


@dataclass(frozen=True)
class Result:
    """The result of a drill. `ended`: programs that ended by themselves. `problem`: why the drill was cut short."""

    drill: str
    seed: int
    faults: tuple[str, ...]
    balance: Balance
    ended: tuple[str, ...]
    problem: str | None
    seconds: float

    @property
    def is_clean(self) -> bool:
        return self.balance.is_clean and not self.ended and self.problem is None
