"""``log1p``: the logarithm, for what spans orders of magnitude."""

from __future__ import annotations

from typing import Any, ClassVar

from mlconfig.contracts.transform import Transform, TransformTags


class Log1p(Transform):
    """sign(x) · log(1 + |x|): log1p from 0 up, mirrored below 0, so that no number is out of its range."""

    tags: ClassVar[TransformTags] = TransformTags(kinds=frozenset({"numeric", "boolean"}), keeps_nulls=True)

    def build(self) -> Any:
        """An unfitted ``Log1pTransformer``."""
        from mlconfig.builtin.estimator_numbers import Log1pTransformer

        return Log1pTransformer()
