"""``one_hot``: a column of 0 and 1 for each level."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from mlconfig.contracts.transform import Transform, TransformTags
from mlconfig.vocabulary import Frozen


class OneHot(Transform):
    """Rare levels share a column. A level never seen counts as rare where there were rare ones, else it is 0 in all columns."""

    class Params(Frozen):
        """When a level is rare."""

        min_count: int = Field(1, ge=1, description="Training rows that a level must have for a column of its own.")

    params: OneHot.Params

    tags: ClassVar[TransformTags] = TransformTags(kinds=frozenset({"categorical"}), gives="numeric")

    def build(self) -> Any:
        """An unfitted ``OneHotTransformer``."""
        from mlconfig.builtin.estimator_categories import OneHotTransformer

        return OneHotTransformer(self.params.min_count)
