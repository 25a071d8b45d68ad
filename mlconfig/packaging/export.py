"""From a fitted pipeline to bytes, through the exporter plugin."""

from __future__ import annotations

from typing import Any

from mlconfig.contracts.exporter import Exporter, Packed
from mlconfig.records.packing import Packing, Precision
from mlconfig.vocabulary import Task


def export_model(exporter: Exporter, pipeline: Any, packing: Packing, task: Task, precision: Precision) -> bytes:
    """The packaged bytes. Raises ``PackagingError`` when the exporter cannot write a step of the pipeline."""
    packed = Packed(packing.numeric, packing.categorical, packing.timestamp)
    return exporter.export(pipeline, packed, task, precision)
