"""``features``: which columns the model sees and what each goes through."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from mlconfig.vocabulary import AUTO, AutoOr, Frozen, FrozenDict, Kind, Names, words_to_map

Transforms = Annotated[FrozenDict[FrozenDict[Any]], BeforeValidator(words_to_map)]
"""Transforms by plugin name with their params, in the order in which a column goes through them."""


class ColumnFeatures(Frozen):
    """What one column is and goes through, where that differs from its kind."""

    kind: Literal["auto", "numeric", "categorical", "boolean", "timestamp"] = Field(
        AUTO, description="numeric, categorical, boolean or timestamp; auto: as inferred."
    )
    transforms: Transforms | None = Field(None, description="Replaces the kind's transforms; null: the kind's.")


def standard_kinds() -> Any:
    """What each kind goes through unless the recipe says otherwise."""
    return {
        "numeric": {"impute": {"strategy": "median"}},
        "categorical": {"impute": {"value": "missing"}, "one_hot": {"min_count": 10}},
        "boolean": {"impute": {"strategy": "most_frequent"}},
        "timestamp": {"date_parts": {"parts": ["hour", "day_of_week", "month"]}},
    }


def _with_standard_kinds(value: Any) -> Any:
    return {**standard_kinds(), **value} if isinstance(value, dict) else value


class Features(Frozen):
    """Which columns the model sees, and how each reaches it; `auto` is worked out when the data is first read."""

    include: AutoOr[Names] = Field(AUTO, description="auto: every usable column, ids left out with a notice; or names.")
    exclude: Names = Field(
        (), description="Never given to the model; a request may carry them as it may all columns: they are ignored."
    )
    kinds: Annotated[dict[Kind, Transforms], BeforeValidator(_with_standard_kinds)] = Field(
        default_factory=standard_kinds, description="What each kind of column goes through, in this order."
    )
    columns: FrozenDict[ColumnFeatures] = Field(FrozenDict(), description="By column, where it differs from its kind.")

    def names(self, column: str) -> bool:
        """Whether it asks for a column by name; what `auto` takes is known once the data is read."""
        listed = self.include != AUTO and column in self.include
        return column not in self.exclude and (listed or column in self.columns)
