"""What a plugin must be: one small ABC a kind. Discovery, by entry points and lazily, is in ``catalog``."""

from mlconfig.contracts.detector import Detector, DetectorTags, Evidence, LabelEvidence, ScoreEvidence, WindowFacts
from mlconfig.contracts.exporter import Exporter, ExporterTags, Packed
from mlconfig.contracts.metric import Metric, MetricTags
from mlconfig.contracts.model import Fit, Model, ModelTags
from mlconfig.contracts.plugin import Context, Plugin, Tags
from mlconfig.contracts.searcher import Searcher, SearcherTags
from mlconfig.contracts.sink import Sink, SinkTags
from mlconfig.contracts.source import Source, SourceTags
from mlconfig.contracts.transform import Transform, TransformTags
from mlconfig.contracts.trigger import Trigger, TriggerTags, TriggerView

__all__ = [
    "Context", "Detector", "DetectorTags", "Evidence", "Exporter", "ExporterTags", "Fit", "LabelEvidence", "Metric",
    "MetricTags", "Model", "ModelTags", "Packed", "Plugin", "ScoreEvidence", "Searcher", "SearcherTags", "Sink", "SinkTags",
    "Source", "SourceTags", "Tags", "Transform", "TransformTags", "Trigger", "TriggerTags", "TriggerView", "WindowFacts",
]  # fmt: skip
