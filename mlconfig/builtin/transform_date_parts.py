"""``date_parts``: hour, weekday, month and the like."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from mlconfig.contracts.transform import Transform, TransformTags
from mlconfig.vocabulary import Frozen, Tuple

Part = Literal["hour", "minute", "day_of_week", "is_weekend", "day", "month", "quarter", "year"]


class DateParts(Transform):
    """Parts of each time on the clocks of the recipe's time zone; a missing time gives missing parts."""

    class Params(Frozen):
        """Which parts, in which order."""

        parts: Tuple[Part] = Field(
            ("hour", "day_of_week", "month"), min_length=1, description="Monday is day_of_week 0; is_weekend is 0 or 1."
        )

    params: DateParts.Params

    tags: ClassVar[TransformTags] = TransformTags(kinds=frozenset({"timestamp"}), gives="numeric", keeps_nulls=True)

    def build(self) -> Any:
        """An unfitted ``DatePartsTransformer``."""
        from mlconfig.builtin.estimator_date_parts import DatePartsTransformer

        return DatePartsTransformer(self.params.parts)
