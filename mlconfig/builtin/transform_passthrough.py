"""``passthrough``: the numbers as they are."""

from __future__ import annotations

from typing import Any, ClassVar

from mlconfig.contracts.transform import Transform, TransformTags


class Passthrough(Transform):
    """Nothing is done; missing numbers stay missing."""

    tags: ClassVar[TransformTags] = TransformTags(kinds=frozenset({"numeric", "boolean"}), keeps_nulls=True)

    def build(self) -> Any:
        """An unfitted ``PassthroughTransformer``."""
        from mlconfig.builtin.estimator_numbers import PassthroughTransformer

        return PassthroughTransformer()
