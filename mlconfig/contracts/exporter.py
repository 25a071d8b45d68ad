"""``exporter``: features and model as one file."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from mlconfig.contracts.plugin import Plugin, Tags
from mlconfig.vocabulary import Task


@dataclass(frozen=True)
class ExporterTags(Tags):
    """``file``: the name of the file it makes."""

    file: str = "model.onnx"


@dataclass(frozen=True)
class Packed:
    """The packed inputs, in order: names of the numeric (float), categorical (string) and timestamp (int64) columns."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    timestamp: tuple[str, ...]


class Exporter(Plugin):
    """Writes a fitted scikit-learn pipeline over packed inputs as bytes. Raises ``PackagingError`` when it cannot."""

    tags: ClassVar[ExporterTags] = ExporterTags()

    @abstractmethod
    def export(self, pipeline: Any, packed: Packed, task: Task, precision: Literal["float32", "float64"]) -> bytes:
        """``pipeline``: fitted, its columns in the order numeric, categorical, timestamp."""
