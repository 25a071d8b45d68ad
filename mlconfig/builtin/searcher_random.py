"""Random search: each value drawn on its own (Bergstra and Bengio 2012)."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlconfig.contracts.searcher import Searcher

if TYPE_CHECKING:
    from mlconfig.sections.tuning import Dimension


class RandomSearch(Searcher):
    """Never runs out. The same ``random_state`` asks for the same values in the same order."""

    def start(self, space: Mapping[str, Dimension]) -> None:
        """Begin anew."""
        self._space = dict(space)
        self._random = random.Random(self.context.random_state)  # noqa: S311 — no secret is made of it

    def ask(self) -> dict[str, Any]:
        """One value a dimension."""
        return {path: self._draw(dimension) for path, dimension in self._space.items()}

    def _draw(self, dimension: Dimension) -> Any:
        if dimension.choice is not None:
            return self._random.choice(dimension.choice)
        if dimension.float_ is not None:
            low, high = dimension.float_
            drawn = self._log_uniform(low, high) if dimension.log else self._random.uniform(low, high)
            return min(max(drawn, low), high)
        assert dimension.int_ is not None
        first, last = dimension.int_
        if not dimension.log:
            return self._random.randint(first, last)
        return min(int(self._log_uniform(first, last + 1)), last)

    def _log_uniform(self, low: float, high: float) -> float:
        return math.exp(self._random.uniform(math.log(low), math.log(high)))
