"""The endpoint's own time: the wall clock, or the newest event time it saw, so that history can be replayed."""

from __future__ import annotations

import math

import numpy as np

from mlconfig.engine.workspace import Workspace
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep, MonitorStep
from mlconfig.records.prediction_log import PredictionLog


def endpoint_now(workspace: Workspace, plan: Plan, now: float) -> float:
    """Seconds since 1970: the newest event time when monitoring goes by event time, else the clock's.

    Times of the future are passed over, as windows do: one client's mistake must not end every cooldown, or begin one for ever.
    """
    monitor = plan.find(MonitorStep)
    if monitor is None or monitor.monitoring.time == "arrival":
        return now
    log = PredictionLog(workspace.predictions(plan.step(DeployStep).endpoint))
    latest = now + monitor.monitoring.every.total_seconds()
    newest = -math.inf
    for block in log.blocks(columns=("event_time", "arrived", "version")):
        moments = np.asarray(block.column("event_time").to_numpy(), np.float64)
        newest = max(newest, float(moments[moments <= latest].max(initial=-math.inf)))
    return newest if math.isfinite(newest) else now
