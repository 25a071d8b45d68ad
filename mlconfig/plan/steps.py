"""The steps of a plan: what each holds, verbatim from the recipe's sections, and which steps it builds on."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from mlconfig.plan.step import BaseStep, Target
from mlconfig.sections import (
    Alerts,
    Data,
    EventTime,
    Fairness,
    Features,
    Gate,
    Interval,
    Model,
    Monitoring,
    Packaging,
    Period,
    Retraining,
    Serving,
    Split,
    Tracking,
    Tuning,
)
from mlconfig.vocabulary import FrozenDict, Names, OneOrMore, PluginRef, Task, Tuple


class ReadStep(BaseStep):
    """Read the source, find each row's time, check the schema."""

    kind: Literal["read"] = "read"
    source: PluginRef
    target: str
    key: OneOrMore | None = None
    event_time: EventTime | None = None
    period: Period = Period()
    on_breach: Literal["stop", "warn"] = "stop"
    time_zone: str = "UTC"

    def data(self, split: Split) -> Data:
        """The section again, with the split that the steps behind use."""
        fields = {
            name: getattr(self, name) for name in ("source", "target", "key", "event_time", "period", "on_breach")
        }
        return Data(**fields, split=split)


class LearningStep(BaseStep):
    """What tuning and training have in common. ``precision`` is the packaged model's: training reckons in the same."""

    task: Task
    features: Features
    model: Model
    split: Split
    precision: Literal["float32", "float64"] = "float32"
    random_state: int = 0


class TuneStep(LearningStep):
    """Search the space; its result is the best values by recipe path."""

    kind: Literal["tune"] = "tune"
    tuning: Tuning
    metric: str
    targets: FrozenDict[Target] = FrozenDict()


class TrainStep(LearningStep):
    """Fit features and model on the training rows, with the best values bound."""

    kind: Literal["train"] = "train"
    metric: str


class PackageStep(BaseStep):
    """Export features and model as one file, prove that it predicts the same, make the reference profile.

    ``name`` is whose version it is: the signature and the folder carry it, so two recipes share neither. ``groups`` are
    columns that requests carry, so that fairness can be watched.
    """

    kind: Literal["package"] = "package"
    name: str
    packaging: Packaging
    groups: Names = ()


class RegisterStep(BaseStep):
    """Register the version in MLflow."""

    kind: Literal["register"] = "register"
    name: str
    tracking: Tracking
    description: str | None = None
    owner: str | None = None
    tags: FrozenDict[str] = FrozenDict()


class EvaluateStep(BaseStep):
    """Measure the packaged bytes on the held-out rows."""

    kind: Literal["evaluate"] = "evaluate"
    metric: str
    metrics: Tuple[str]
    interval: Interval = Interval()
    fairness: Fairness = Fairness()
    random_state: int = 0


class GateStep(BaseStep):
    """Compare with the floors and with the champion on the same rows."""

    kind: Literal["gate"] = "gate"
    gates: FrozenDict[Gate] = FrozenDict()
    interval: Interval = Interval()
    random_state: int = 0


class DeployStep(BaseStep):
    """Make the version the endpoint's champion and have replicas answer."""

    restarts_replicas: ClassVar[bool] = True

    kind: Literal["deploy"] = "deploy"
    endpoint: str
    serving: Serving


class MonitorStep(BaseStep):
    """Watch the endpoint's windows against the reference profile, and send alerts. ``notices`` are of its detectors."""

    kind: Literal["monitor"] = "monitor"
    endpoint: str
    metric: str
    monitoring: Monitoring
    alerts: Alerts
    fairness: Fairness = Fairness()
    notices: Tuple[str] = ()

    def settings(self) -> dict[str, Any]:
        """Without the notices: they change nothing that is done."""
        return {name: value for name, value in super().settings().items() if name != "notices"}


class RetrainStep(BaseStep):
    """The policy: when a retrain starts and what it learns from."""

    kind: Literal["retrain"] = "retrain"
    retraining: Retraining


Step = Annotated[
    ReadStep | TuneStep | TrainStep | PackageStep | RegisterStep | EvaluateStep | GateStep | DeployStep | MonitorStep
    | RetrainStep,
    Field(discriminator="kind"),
]  # fmt: skip
