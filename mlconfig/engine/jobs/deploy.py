"""Deploy: replicas that answer at the endpoint, and the controller that looks after it."""

from __future__ import annotations

from mlconfig.engine.carrier import told
from mlconfig.engine.job import Job, Output
from mlconfig.plan.steps import DeployStep


def run(job: Job) -> Output:
    """Declare the application to Ray Serve and wait until it runs. A change that can be light restarts nothing."""
    from mlconfig.engine.controller import start_controller
    from mlconfig.engine.endpoints import declare
    from mlconfig.engine.executors.on_ray import connect_cluster

    step = job.plan.step(DeployStep)
    connect_cluster(job.workspace)
    url = declare(job.workspace, step.endpoint, step.serving)
    start_controller(job.workspace)
    return told(note=f"{url}/v1/{step.endpoint}/predict", url=url)
