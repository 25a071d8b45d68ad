"""``apply_plan``: a plan becomes reality, exactly as it was shown.

What was carried out before is kept. What must be learnt anew goes through a rollout, whose states are durable, so that an
interrupted apply goes on where it was. At the end the endpoint answers, is watched, and has its retraining policy.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from mlconfig.engine.carrier import Carrier
from mlconfig.engine.executors import Executor
from mlconfig.engine.job import Job
from mlconfig.engine.live import current_digest, fingerprint, step_stands
from mlconfig.engine.passage import drive, open_rollout
from mlconfig.engine.report import ApplyReport, Progress, silent
from mlconfig.engine.summary import summarise
from mlconfig.engine.tenure import tenure
from mlconfig.engine.workspace import Toolbox, Workspace, write_json
from mlconfig.errors import PlanError
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep, GateStep, MonitorStep, PackageStep, RetrainStep

OPERATING = (DeployStep, MonitorStep, RetrainStep)


def apply_plan(plan: Plan, project: Path, *, progress: Progress = silent, until: str | None = None) -> ApplyReport:
    """Carry a plan out.

    Args:
        plan: as ``compile_plan`` or ``read_plan`` gives it.
        project: the project's folder.
        progress: told when a step begins and ends.
        until: the id of the last step to carry out; null carries out all.

    Raises:
        MlconfigError: what went wrong, with its place. What was carried out by then is kept.
    """
    workspace = Workspace(project.absolute(), plan.engine)
    workspace.prepare()
    Toolbox(workspace, plan).check_pins()
    workspace.resolve(plan.declared())  # a secret that is not there is told now, not when an alert is due
    with Store.open(workspace.state_uri) as store:
        _refuse_stale(plan, workspace, store)
        job = Job(workspace, plan, fingerprint(workspace, plan), distributed=plan.engine.executor == "ray")
        with closing(make_executor(job)) as executor:
            carrier = Carrier(job, store, executor, progress)
            if until is None and plan.find(DeployStep) is not None:
                _bring_live(carrier)
            else:
                _carry_until(carrier, until)
        return summarise(carrier)


def make_executor(job: Job) -> Executor:
    """Who carries the plan's jobs out."""
    if job.distributed:
        from mlconfig.engine.executors.on_ray import RayExecutor

        return RayExecutor(job.workspace, job.plan)
    from mlconfig.engine.executors.local import LocalExecutor

    return LocalExecutor()


def _refuse_stale(plan: Plan, workspace: Workspace, store: Store) -> None:
    if plan.based_on is not None and plan.based_on != current_digest(workspace, plan, store):
        raise PlanError(
            "this plan is stale: something else went live since it was made", hint="plan again, and look again"
        )


def _carry_until(carrier: Carrier, until: str | None) -> None:
    for step in carrier.job.plan.steps:
        output = carrier.carry(step)
        if step.id == until or output.get("refused"):
            return


def _bring_live(carrier: Carrier) -> None:
    """Learn and promote what is not live yet, then see that the endpoint answers and is watched."""
    plan, store = carrier.job.plan, carrier.store
    endpoint = plan.step(DeployStep).endpoint
    if _was_live(carrier, endpoint):
        _carry_until(carrier, plan.step(GateStep).id)
    else:
        with tenure(store, endpoint) as lease:
            drive(store, open_rollout(store, endpoint, plan.digest, "apply", lease), carrier, lease)
    if carrier.job.outputs.get(plan.step(GateStep).id, {}).get("refused"):
        return
    carrier.executor.settle()
    for step in (plan.find(kind) for kind in OPERATING):
        if step is not None:
            carrier.carry(step, stands=step_stands(carrier.job.workspace, plan, step))
    write_json(carrier.job.workspace.plan_file(plan.name), plan.to_json())


def _was_live(carrier: Carrier, endpoint: str) -> bool:
    """Whether this plan's model went live before (a retrain may have replaced it since), or its gate refused it."""
    plan, store = carrier.job.plan, carrier.store
    package, gate = carrier.kept(plan.step(PackageStep)), carrier.kept(plan.step(GateStep))
    if package is None or gate is None:
        return False
    champions = {table.champion.artifact_sha256 for table in store.routes.history(endpoint)}
    return bool(gate.get("refused")) or package["sha256"] in champions
