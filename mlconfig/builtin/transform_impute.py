"""``impute``: a value where none is."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from mlconfig.contracts.transform import Transform, TransformTags
from mlconfig.vocabulary import Frozen


class Impute(Transform):
    """Missing numbers or categories become what the training rows, or the recipe, say."""

    class Params(Frozen):
        """A ``value`` alone is the strategy ``constant``."""

        strategy: Literal["median", "mean", "most_frequent", "constant"] | None = Field(
            None,
            description="Null: constant where a value is given, else median (numbers) or most_frequent (categories).",
        )
        value: float | str | None = Field(None, description="The constant; null: 0 or `missing`.")

    params: Impute.Params

    tags: ClassVar[TransformTags] = TransformTags(kinds=frozenset({"numeric", "boolean", "categorical"}))

    def build(self) -> Any:
        """An unfitted ``ImputeTransformer``."""
        from mlconfig.builtin.estimator_impute import ImputeTransformer

        return ImputeTransformer(self.params.strategy, self.params.value)
