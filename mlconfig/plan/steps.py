"""The steps of a plan: what each holds, verbatim from the recipe's sections, and which steps it builds on."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlconfig import sections
from mlconfig.plan.step import BaseStep, Target
from mlconfig.sections.governance import Pii
from mlconfig.vocabulary import FrozenDict, Names, OneOrMore, PluginRef, Task, Tuple


class ReadStep(BaseStep):
    """Read the source, find each row's time, check the schema.

    ``pii``: personal columns that are no features, of which nothing is kept, or a digest.
    """

    kind: Literal["read"] = "read"
    source: PluginRef
    target: str
    key: OneOrMore | None = None
    event_time: sections.EventTime | None = None
    period: sections.Period = sections.Period()
    on_breach: Literal["stop", "warn"] = "stop"
    pii: FrozenDict[Pii] = FrozenDict()
    time_zone: str = "UTC"

    def data(self, split: sections.Split) -> sections.Data:
        """The section again, with the split that the steps behind use."""
        fields = {
            name: getattr(self, name) for name in ("source", "target", "key", "event_time", "period", "on_breach")
        }
        return sections.Data(**fields, split=split)


class LearningStep(BaseStep):
    """What tuning and training have in common. ``precision`` is the packaged model's: training reckons in the same."""

    task: Task
    features: sections.Features
    model: sections.Model
    split: sections.Split
    precision: Literal["float32", "float64"] = "float32"
    random_state: int = 0


class TuneStep(LearningStep):
    """Search the space; its result is the best values by recipe path."""

    kind: Literal["tune"] = "tune"
    tuning: sections.Tuning
    metric: str
    targets: FrozenDict[Target] = FrozenDict()


class TrainStep(LearningStep):
    """Fit features and model on the training rows, with the best values bound."""

    kind: Literal["train"] = "train"
    metric: str


class PackageStep(BaseStep):
    """Export features and model as one file, prove that it predicts the same, make the reference profile.

    ``name`` is whose version it is: the signature and the folder carry it, so two recipes share neither. Requests carry
    ``groups``, so that fairness can be watched, and the columns that serving reads or erasure looks for. ``pii`` are all
    personal columns; ``subject`` names whose rows are whose.
    """

    kind: Literal["package"] = "package"
    name: str
    packaging: sections.Packaging
    groups: Names = ()
    carried: Names = ()
    pii: FrozenDict[Pii] = FrozenDict()
    subject: Names = ()


class RegisterStep(BaseStep):
    """Register the version in MLflow."""

    kind: Literal["register"] = "register"
    name: str
    tracking: sections.Tracking
    description: str | None = None
    owner: str | None = None
    tags: FrozenDict[str] = FrozenDict()
    card: sections.Card = sections.Card()


class EvaluateStep(BaseStep):
    """Measure the packaged bytes on the held-out rows."""

    kind: Literal["evaluate"] = "evaluate"
    metric: str
    metrics: Tuple[str]
    interval: sections.Interval = sections.Interval()
    fairness: sections.Fairness = sections.Fairness()
    random_state: int = 0


class GateStep(BaseStep):
    """Compare with the floors and with the champion on the same rows."""

    kind: Literal["gate"] = "gate"
    gates: FrozenDict[sections.Gate] = FrozenDict()
    interval: sections.Interval = sections.Interval()
    random_state: int = 0


class DeployStep(BaseStep):
    """Make the version the endpoint's champion and have replicas answer."""

    restarts_replicas: ClassVar[bool] = True

    kind: Literal["deploy"] = "deploy"
    endpoint: str
    serving: sections.Serving
    retention: sections.Retention = sections.Retention()


class MonitorStep(BaseStep):
    """Watch the endpoint's windows against the reference profile, and send alerts. ``notices`` are of its detectors."""

    without_effect: ClassVar[frozenset[str]] = frozenset({"notices"})

    kind: Literal["monitor"] = "monitor"
    endpoint: str
    metric: str
    monitoring: sections.Monitoring
    alerts: sections.Alerts
    fairness: sections.Fairness = sections.Fairness()
    notices: Tuple[str] = ()


class RetrainStep(BaseStep):
    """The policy: when a retrain starts and what it learns from."""

    kind: Literal["retrain"] = "retrain"
    retraining: sections.Retraining


Step = Annotated[
    ReadStep | TuneStep | TrainStep | PackageStep | RegisterStep | EvaluateStep | GateStep | DeployStep | MonitorStep
    | RetrainStep,
    Field(discriminator="kind"),
]  # fmt: skip
