"""The frozen section models, one file a section: types, defaults, bounds and prose stand here and nowhere else."""

from mlconfig.sections.alerts import AlertRule, Alerts, Sink
from mlconfig.sections.autoscaling import Autoscaling
from mlconfig.sections.batch import Batch
from mlconfig.sections.data import Data, EventTime, Period, Split
from mlconfig.sections.engine import Engine
from mlconfig.sections.evaluation import Evaluation, Fairness, Gate, Interval
from mlconfig.sections.features import ColumnFeatures, Features
from mlconfig.sections.governance import Card, Governance, Retention
from mlconfig.sections.model import EarlyStopping, Model, Resources
from mlconfig.sections.monitoring import Columns, Labels, Monitoring, Persistence, Reference, Signal
from mlconfig.sections.packaging import Packaging, Parity
from mlconfig.sections.retraining import RetrainData, Retraining
from mlconfig.sections.serving import Serving, ServingLog
from mlconfig.sections.tracking import Tracking
from mlconfig.sections.tuning import Dimension, Tuning

__all__ = [
    "AlertRule", "Alerts", "Autoscaling", "Batch", "Card", "ColumnFeatures", "Columns", "Data", "Dimension",
    "EarlyStopping", "Engine", "Evaluation", "EventTime", "Fairness", "Features", "Gate", "Governance", "Interval", "Labels",
    "Model", "Monitoring", "Packaging", "Parity", "Period", "Persistence", "Reference", "Resources", "Retention",
    "RetrainData", "Retraining", "Serving", "ServingLog", "Signal", "Sink", "Split", "Tracking", "Tuning",
]  # fmt: skip
