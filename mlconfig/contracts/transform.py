"""``transform``: one step that a feature goes through, as a scikit-learn transformer."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from mlconfig.contracts.plugin import Plugin, Tags
from mlconfig.vocabulary import Kind

ALL_KINDS: frozenset[Kind] = frozenset({"numeric", "categorical", "boolean", "timestamp"})


@dataclass(frozen=True)
class TransformTags(Tags):
    """``kinds`` it accepts, ``gives`` the kind that comes out (null: the kind that went in), whether it exports to ONNX."""

    kinds: frozenset[Kind] = ALL_KINDS
    gives: Kind | None = None
    exports_onnx: bool = True
    keeps_nulls: bool = False


class Transform(Plugin):
    """Makes an unfitted scikit-learn transformer for the columns of one group.

    Columns arrive packed: numeric and boolean ones as float32 or float64 (null: NaN), categorical ones as str objects (null:
    ``__null__``), timestamps as int64 wall-clock seconds since 1970 in the recipe's time zone (null: the smallest int64).
    """

    tags: ClassVar[TransformTags] = TransformTags()

    @abstractmethod
    def build(self) -> Any:
        """An unfitted transformer with scikit-learn's API."""

    def register_onnx(self) -> None:
        """Register converters of own transformers with skl2onnx; nothing to do for scikit-learn's."""
        return
