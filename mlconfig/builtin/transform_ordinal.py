"""``ordinal``: one number for each level."""

from __future__ import annotations

from typing import Any, ClassVar

from mlconfig.contracts.transform import Transform, TransformTags


class Ordinal(Transform):
    """Levels are numbered in the order of their names; a level never seen is −1. Meant for trees."""

    tags: ClassVar[TransformTags] = TransformTags(kinds=frozenset({"categorical"}), gives="numeric")

    def build(self) -> Any:
        """An unfitted ``OrdinalTransformer``."""
        from mlconfig.builtin.estimator_categories import OrdinalTransformer

        return OrdinalTransformer()
