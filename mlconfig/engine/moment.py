"""The endpoint's own time: the wall clock, or the newest event time it saw, so that history can be replayed."""

from __future__ import annotations

import math

import numpy as np

from mlconfig.engine.workspace import Workspace
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep, MonitorStep
from mlconfig.records.prediction_log import PredictionLog


def endpoint_now(workspace: Workspace, plan: Plan, now: float, arrived_by: float = math.inf) -> float:
    """Seconds since 1970: the newest event time when monitoring goes by event time, else the clock's.

    Times of the future are passed over, as windows do: one client's mistake must not end every cooldown, or begin one for ever.
    With ``arrived_by`` only rows that had arrived by then are looked at: the endpoint's time at that moment.
    """
    monitor = plan.find(MonitorStep)
    if monitor is None or monitor.monitoring.time == "arrival":
        return now
    log = PredictionLog(workspace.predictions(plan.step(DeployStep).endpoint))
    latest = now + monitor.monitoring.every.total_seconds()
    newest = -math.inf
    for block in log.blocks(columns=("event_time", "arrived", "version")):
        moments = np.asarray(block.column("event_time").to_numpy(), np.float64)
        arrived = np.asarray(block.column("arrived").to_numpy(), np.float64)
        usable = (moments <= latest) & (arrived <= arrived_by)
        newest = max(newest, float(moments[usable].max(initial=-math.inf)))
    return newest if math.isfinite(newest) else now
