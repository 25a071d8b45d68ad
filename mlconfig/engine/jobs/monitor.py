"""Monitor: the controller watches the endpoint from the moment the plan is applied."""

from __future__ import annotations

from mlconfig.engine.carrier import told
from mlconfig.engine.job import Job, Output
from mlconfig.plan.steps import MonitorStep
from mlconfig.vocabulary import format_duration


def run(job: Job) -> Output:
    """See that the controller runs; it takes the watch up with the applied plan."""
    from mlconfig.engine.controller import start_controller
    from mlconfig.engine.executors.on_ray import connect_cluster

    step = job.plan.step(MonitorStep)
    connect_cluster(job.workspace)
    start_controller(job.workspace)
    every = format_duration(step.monitoring.every)
    return told(note=f"{', '.join(step.monitoring.signals)} every {every}")
