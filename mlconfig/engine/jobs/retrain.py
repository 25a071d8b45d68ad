"""Retrain: the controller asks the policy after each watch."""

from __future__ import annotations

from mlconfig.engine.carrier import told
from mlconfig.engine.job import Job, Output
from mlconfig.plan.steps import RetrainStep
from mlconfig.vocabulary import format_duration


def run(job: Job) -> Output:
    """See that the controller runs; it takes the policy up with the applied plan."""
    from mlconfig.engine.controller import start_controller
    from mlconfig.engine.executors.on_ray import connect_cluster

    policy = job.plan.step(RetrainStep).retraining
    connect_cluster(job.workspace)
    start_controller(job.workspace)
    return told(note=f"on {' or '.join(policy.when)}, cooldown {format_duration(policy.cooldown)}")
