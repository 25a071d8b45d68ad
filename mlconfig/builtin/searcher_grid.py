"""Grid search: every combination of the values of each dimension."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from mlconfig.contracts.searcher import Searcher, SearcherTags
from mlconfig.vocabulary import Frozen

if TYPE_CHECKING:
    from mlconfig.sections.tuning import Dimension


class GridSearch(Searcher):
    """The last dimension changes fastest; runs out after the last combination.

    A choice is tried in full. A range of numbers is tried at ``points`` places, both ends among them, evenly spaced
    (``log: true``: in the logarithm); a range of whole numbers in full where it holds no more than ``points`` of them,
    else at the whole numbers nearest to such places.
    """

    class Params(Frozen):
        """How fine the grid is."""

        points: int = Field(5, ge=2, le=1000, description="Places tried of a range.")

    params: GridSearch.Params
    tags: ClassVar[SearcherTags] = SearcherTags(finite=True)

    def start(self, space: Mapping[str, Dimension]) -> None:
        """Begin anew."""
        values = [self._values(dimension) for dimension in space.values()]
        self._combinations = (dict(zip(space, combination, strict=True)) for combination in itertools.product(*values))

    def ask(self) -> dict[str, Any] | None:
        """The next combination."""
        return next(self._combinations, None)

    def _values(self, dimension: Dimension) -> list[Any]:
        if dimension.choice is not None:
            return list(dimension.choice)
        if dimension.float_ is not None:
            return list(
                dict.fromkeys(_places(dimension.float_[0], dimension.float_[1], self.params.points, dimension.log))
            )
        assert dimension.int_ is not None
        first, last = dimension.int_
        if last - first < self.params.points:
            return list(range(first, last + 1))
        return list(dict.fromkeys(round(place) for place in _places(first, last, self.params.points, dimension.log)))


def _places(low: float, high: float, points: int, log: bool) -> list[float]:
    steps = [i / (points - 1) for i in range(1, points - 1)]
    if log:
        inner = [math.exp(math.log(low) + step * (math.log(high) - math.log(low))) for step in steps]
    else:
        inner = [low + step * (high - low) for step in steps]
    return [low, *inner, high]
