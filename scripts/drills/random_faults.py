"""Random drills: a plan that derives from the seed alone, carried out while writers insert."""

from __future__ import annotations

from scripts.drills.model import Drill
from scripts.drills.pipeline import Pipeline


def random_drill(seed: int) -> Drill:
    def inject(pipeline: Pipeline) -> None:
        raise NotImplementedError

    return Drill("random", "random", "", "", "", "", inject)
