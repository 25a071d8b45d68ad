"""Maps each searched path of the recipe to the step and the place below it that holds the value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlconfig.plan.bind import put
from mlconfig.plan.step import Target
from mlconfig.plan.steps import TrainStep
from mlconfig.sections import Dimension
from mlconfig.vocabulary import FrozenDict

SECTIONS = {("model",): ("model",), ("features",): ("features",), ("data", "split"): ("split",)}
"""Where a section of the recipe stands in the train step."""


def target_of(path: str) -> Target | None:
    """The train step's place for a recipe path; null when the path belongs to nothing that is searched."""
    parts = tuple(path.split("."))
    for section, place in SECTIONS.items():
        if parts[: len(section)] == section and len(parts) > len(section):
            return Target(step="train", path=(*place, *parts[len(section) :]))
    return None


def targets(paths: Iterable[str]) -> FrozenDict[Target]:
    """The targets of all searched paths; they were checked before."""
    found = {path: target_of(path) for path in paths}
    return FrozenDict({path: target for path, target in found.items() if target is not None})


def probes(dimension: Dimension) -> tuple[Any, ...]:
    """The values that stand for a dimension: both ends of its range, or all of its choices."""
    return tuple(dimension.int_ or dimension.float_ or dimension.choice or ())


def tried(step: TrainStep, space: Mapping[str, Dimension]) -> Iterator[TrainStep]:
    """The step as it is, and with each of those values put into it; they were checked before."""
    yield step
    for path, dimension in space.items():
        target = target_of(path)
        if target is not None:
            yield from (put(step, target.path, value) for value in probes(dimension))
