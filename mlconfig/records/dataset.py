"""What was found in the data when it was first read: its schema, and the features resolved from it."""

from __future__ import annotations

from typing import Any, Literal

from mlconfig.vocabulary import Frozen, FrozenDict, Kind, Tuple


class ColumnSchema(Frozen):
    """One column as it was at first training; later data must keep to it.

    ``type`` is Arrow's name of the type. ``kind`` is null for a column that no kind fits. ``categories`` holds the levels of
    a categorical column, most frequent first, at most 256 of them; ``distinct`` counts them all.
    """

    name: str
    type: str
    kind: Kind | None
    nullable: bool
    rows: int
    nulls: int
    distinct: int
    minimum: float | None = None
    maximum: float | None = None
    categories: Tuple[str] = ()
    id_like: bool = False


class DataSchema(Frozen):
    """The columns of a table, frozen at the first training."""

    schema_version: Literal[1] = 1
    columns: Tuple[ColumnSchema]

    def column(self, name: str) -> ColumnSchema | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


class DatasetCard(Frozen):
    """One reading of a source: how much, from when to when, which content, and its schema."""

    schema_version: Literal[1] = 1
    fingerprint: str
    rows: int
    since: float | None = None
    until: float | None = None
    table_schema: DataSchema
    notices: Tuple[str] = ()


class FeatureTransform(Frozen):
    """A transform by plugin name with its params."""

    name: str
    params: FrozenDict[Any] = FrozenDict()


class FeatureColumn(Frozen):
    """One column as the model sees it."""

    name: str
    kind: Kind
    transforms: Tuple[FeatureTransform]
    nullable: bool = True
    integer: bool = False


class ResolvedFeatures(Frozen):
    """``features: auto`` worked out on the data, frozen with the version; ``left_out`` says why a column is not in."""

    schema_version: Literal[1] = 1
    columns: Tuple[FeatureColumn]
    left_out: FrozenDict[str] = FrozenDict()
