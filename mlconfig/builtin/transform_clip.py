"""``clip``: bounds for numbers."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, model_validator

from mlconfig.contracts.transform import Transform, TransformTags
from mlconfig.vocabulary import Frozen


class Clip(Transform):
    """Numbers beyond a bound become the bound; missing numbers stay missing."""

    class Params(Frozen):
        """At least one bound."""

        low: float | None = Field(None, description="The least value; null: no bound.")
        high: float | None = Field(None, description="The greatest value; null: no bound.")

        @model_validator(mode="after")
        def _in_order(self) -> Clip.Params:
            if self.low is None and self.high is None:
                raise ValueError("give `low`, `high`, or both")
            if self.low is not None and self.high is not None and self.low > self.high:
                raise ValueError("`low` is above `high`")
            return self

    params: Clip.Params

    tags: ClassVar[TransformTags] = TransformTags(kinds=frozenset({"numeric", "boolean"}), keeps_nulls=True)

    def build(self) -> Any:
        """An unfitted ``ClipTransformer``."""
        from mlconfig.builtin.estimator_numbers import ClipTransformer

        return ClipTransformer(self.params.low, self.params.high)
