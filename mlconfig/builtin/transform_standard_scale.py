"""``standard_scale``: mean 0, standard deviation 1."""

from __future__ import annotations

from typing import Any, ClassVar

from mlconfig.contracts.transform import Transform, TransformTags


class StandardScale(Transform):
    """(x − mean) / standard deviation of the training rows; missing numbers stay missing."""

    tags: ClassVar[TransformTags] = TransformTags(kinds=frozenset({"numeric", "boolean"}), keeps_nulls=True)

    def build(self) -> Any:
        """An unfitted ``StandardScaleTransformer``."""
        from mlconfig.builtin.estimator_numbers import StandardScaleTransformer

        return StandardScaleTransformer()
