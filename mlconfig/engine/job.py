"""What a job is given: where it works, what it is told, and what the steps before it made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mlconfig.engine.workspace import Toolbox, Workspace
from mlconfig.plan.plan import Plan
from mlconfig.plan.step import BaseStep
from mlconfig.plan.steps import MonitorStep

Output = dict[str, Any]


@dataclass(frozen=True)
class Retrain:
    """Why a retrain happens, and at which moment of the endpoint's time (seconds since 1970).

    ``drift_since``: when the drift that caused it began, where one did.
    """

    reason: str
    now: float
    champion: str
    drift_since: float | None = None


@dataclass(frozen=True)
class Job:
    """One step to carry out. Can be pickled; files are under ``folder`` of the step that made them.

    Args:
        workspace: the project.
        plan: the plan the step belongs to.
        content: the source's fingerprint, which makes run keys.
        outputs: what the steps before returned, by step id.
        retrain: set when a retrain carries the plan out.
        distributed: whether a Ray cluster is connected.
    """

    workspace: Workspace
    plan: Plan
    content: str
    outputs: Mapping[str, Output] = field(default_factory=dict)
    retrain: Retrain | None = None
    distributed: bool = False

    @cached_property
    def toolbox(self) -> Toolbox:
        """Makes the plan's plugins."""
        return Toolbox(self.workspace, self.plan)

    @property
    def labels_join(self) -> str:
        """What labels are joined to predictions by."""
        monitor = self.plan.find(MonitorStep)
        return monitor.monitoring.labels.join if monitor is not None else "prediction_id"

    def run_key(self, step: BaseStep) -> str:
        """The key under which the step is carried out."""
        return self.plan.run_key(step, self.content)

    def folder(self, step: BaseStep) -> Path:
        """Where the step keeps its files."""
        return self.workspace.artifacts(self.run_key(step))

    def after(self, step: BaseStep, output: Output) -> Job:
        """The job for what follows a step."""
        return replace(self, outputs={**self.outputs, step.id: output})
