"""Deploy: replicas that answer at the endpoint, and the controller that looks after it."""

from __future__ import annotations

from mlconfig.engine.carrier import told
from mlconfig.engine.champion import find_champion
from mlconfig.engine.job import Job, Output
from mlconfig.errors import PlanError
from mlconfig.plan.steps import DeployStep
from mlconfig.sections.serving import Constant


def run(job: Job) -> Output:
    """Declare the application to Ray Serve and wait until it runs. A change that can be light restarts nothing.

    What replicas would only find out when they need it is looked at first.
    """
    from mlconfig.engine.address import grpc_address
    from mlconfig.engine.controller import start_controller
    from mlconfig.engine.doorway import check_guard
    from mlconfig.engine.endpoints import declare
    from mlconfig.engine.executors.on_ray import connect_cluster

    step = job.plan.step(DeployStep)
    _check_constant(job, step)
    check_guard(job.workspace, step.endpoint, step.serving, job.plan.project_plugins)
    connect_cluster(job.workspace)
    url = declare(job.workspace, step.endpoint, step.serving, job.plan.project_plugins)
    start_controller(job.workspace)
    calls = grpc_address(job.workspace, step.serving, job.plan.project_plugins)
    also = "" if calls is None else f", gRPC at {calls}"
    return told(note=f"{url}/v1/{step.endpoint}/predict{also}", url=url)


def _check_constant(job: Job, step: DeployStep) -> None:
    """A fallback's constant is one of the classes, which are known once a version is live."""
    from mlconfig.serving.fallback import constant_of

    champion = find_champion(job)
    if champion is None or not isinstance(step.serving.fallback, Constant):
        return
    try:
        constant_of(step.serving.fallback, champion.signature)
    except ValueError as error:
        raise PlanError(str(error), where="serving.fallback.constant") from None
