"""Monitor: the controller watches the endpoint from the moment the plan is applied."""

from __future__ import annotations

from mlconfig.engine.carrier import told
from mlconfig.engine.champion import find_champion
from mlconfig.engine.job import Job, Output
from mlconfig.engine.watched_columns import check_features
from mlconfig.plan.steps import MonitorStep
from mlconfig.vocabulary import format_duration


def run(job: Job) -> Output:
    """See that the controller runs; it takes the watch up with the applied plan."""
    from mlconfig.engine.controller import start_controller
    from mlconfig.engine.executors.on_ray import connect_cluster

    step, champion = job.plan.step(MonitorStep), find_champion(job)
    if champion is not None:  # the data may have been read before the recipe named them
        check_features(job.plan, champion.features)
    connect_cluster(job.workspace)
    start_controller(job.workspace)
    every = format_duration(step.monitoring.every)
    return told(note=f"{', '.join(step.monitoring.signals)} every {every}")
