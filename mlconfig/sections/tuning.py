"""``tuning``: which values of the recipe are searched, how, and for how long."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from mlconfig.vocabulary import AUTO, AutoOr, Duration, Frozen, FrozenDict, Plugin, PluginRef, Tuple


class Dimension(Frozen):
    """One searched value: a range of whole numbers, of numbers, or a choice."""

    int_: Annotated[Tuple[int] | None, Field(alias="int", description="[low, high], both included.")] = None
    float_: Annotated[Tuple[float] | None, Field(alias="float", description="[low, high].")] = None
    choice: Tuple[Any] | None = Field(None, min_length=1, description="The values to choose from.")
    log: bool = Field(False, description="Search the range on a logarithmic scale.")

    @model_validator(mode="after")
    def _one_range(self) -> Dimension:
        given = [bounds for bounds in (self.int_, self.float_, self.choice) if bounds is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of `int`, `float`, `choice`")
        bounds = self.int_ if self.int_ is not None else self.float_
        if bounds is not None and (len(bounds) != 2 or bounds[0] > bounds[1]):
            raise ValueError("a range is [low, high] with low ≤ high")
        if self.log and (bounds is None or bounds[0] <= 0):
            raise ValueError("`log: true` needs a range above 0")
        return self


class Tuning(Frozen):
    """The search; an empty space is no search."""

    space: FrozenDict[Dimension] = Field(
        FrozenDict(), description="By path of the recipe: model.params.num_leaves: {int: [8, 256], log: true}."
    )
    searcher: Plugin = Field(PluginRef(name="random"), description="How the next values are chosen.")
    trials: int = Field(50, ge=1, le=100_000, description="At most so many trials.")
    time_limit: Duration | None = Field(None, description="At most so long.")
    parallel: AutoOr[Annotated[int, Field(ge=1)]] = Field(
        AUTO, description="Trials at once; auto: by the CPUs there are."
    )
