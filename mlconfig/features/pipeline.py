"""The declared features as one unfitted scikit-learn ``ColumnTransformer`` over the packed columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlconfig.contracts.transform import Transform
from mlconfig.records.dataset import FeatureColumn, FeatureTransform, ResolvedFeatures
from mlconfig.records.packing import Packing
from mlconfig.vocabulary import canonical

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

MakeTransform = Callable[[FeatureTransform], Transform]


def build_preprocessor(resolved: ResolvedFeatures, make_transform: MakeTransform) -> ColumnTransformer:
    """An unfitted transformer of ``frame_of``'s columns, by their places.

    Columns that go through the same transforms, and are packed alike, share one pipeline: fewer and wider steps in the graph.

    Args:
        resolved: the features, as found on the data.
        make_transform: an instance of the plugin with these params.
    """
    from sklearn.compose import ColumnTransformer

    places = {name: place for place, name in enumerate(Packing.of(resolved).names)}
    groups: dict[str, list[FeatureColumn]] = {}
    for column in sorted(resolved.columns, key=lambda column: places[column.name]):
        groups.setdefault(_group(column), []).append(column)
    steps = [
        (f"{columns[0].kind}_{number}", _chain(columns[0], make_transform), [places[column.name] for column in columns])
        for number, columns in enumerate(groups.values())
    ]
    return ColumnTransformer(steps, remainder="drop", sparse_threshold=0.0)


def _group(column: FeatureColumn) -> str:
    packed_as = "numeric" if column.kind == "boolean" else column.kind
    return packed_as + "".join(f"|{canonical(transform)}" for transform in column.transforms)


def _chain(column: FeatureColumn, make_transform: MakeTransform) -> Any:
    """The transforms as a pipeline; without any, the numbers as they are."""
    from sklearn.pipeline import Pipeline

    chain = column.transforms or (FeatureTransform(name="passthrough"),)
    return Pipeline(
        [(f"{place}_{transform.name}", make_transform(transform).build()) for place, transform in enumerate(chain)]
    )
