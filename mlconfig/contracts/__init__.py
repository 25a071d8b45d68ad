"""What a plugin must be: one small ABC a kind. Discovery, by entry points and lazily, is in ``catalog``."""

from mlconfig.contracts.authenticator import Authenticator, AuthenticatorTags, Caller, Guard, Premises
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence, LabelEvidence, ScoreEvidence, WindowFacts
from mlconfig.contracts.exporter import Exporter, ExporterTags, Packed
from mlconfig.contracts.metric import Metric, MetricTags
from mlconfig.contracts.model import Fit, Model, ModelTags
from mlconfig.contracts.plugin import Context, Plugin, Tags
from mlconfig.contracts.protocol import (
    Asked,
    Codec,
    Operation,
    Protocol,
    ProtocolTags,
    RowAnswer,
    Surface,
    WireReply,
    WireRequest,
)
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.contracts.searcher import Searcher, SearcherTags
from mlconfig.contracts.sink import Sink, SinkTags
from mlconfig.contracts.source import Source, SourceTags
from mlconfig.contracts.transform import Transform, TransformTags
from mlconfig.contracts.trigger import Trigger, TriggerTags, TriggerView

__all__ = [
    "Asked", "Authenticator", "AuthenticatorTags", "Caller", "Codec", "Context", "Detector", "DetectorTags", "Evidence",
    "Exporter", "ExporterTags", "Fit", "Guard", "LabelEvidence", "Metric", "MetricTags", "Model", "ModelTags", "Operation",
    "Packed", "Plugin", "Premises", "Protocol", "ProtocolTags", "RequestRefusedError", "RowAnswer", "ScoreEvidence",
    "Searcher", "SearcherTags", "Sink", "SinkTags", "Source", "SourceTags", "Surface", "Tags", "Transform", "TransformTags",
    "Trigger", "TriggerTags", "TriggerView", "WindowFacts", "WireReply", "WireRequest",
]  # fmt: skip
