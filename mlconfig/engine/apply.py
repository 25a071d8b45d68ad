"""``apply_plan``: a plan becomes reality, exactly as it was shown.

What was carried out before is kept. What must be learnt anew goes through a rollout, whose states are durable, so that an
interrupted apply goes on where it was. At the end the endpoint answers, is watched, and has its retraining policy.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from mlconfig.engine.address import door_of
from mlconfig.engine.carrier import Carrier
from mlconfig.engine.executors import Executor
from mlconfig.engine.head.head import check_door, find_head
from mlconfig.engine.job import Job
from mlconfig.engine.live import applied_plan, current_digest, fingerprint, last_plan, step_stands
from mlconfig.engine.passage import drive, open_rollout
from mlconfig.engine.personal import forget_plain
from mlconfig.engine.report import ApplyReport, Progress, silent
from mlconfig.engine.summary import summarise
from mlconfig.engine.tenure import tenure
from mlconfig.engine.workspace import Toolbox, Workspace, write_json
from mlconfig.errors import PlanError
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import OPERATING, Plan
from mlconfig.plan.step import BaseStep
from mlconfig.plan.steps import DeployStep, GateStep, PackageStep

APPLY = "apply"
"""Why a rollout of an apply is there."""


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
    if plan.find(DeployStep) is not None:
        _refuse_another_door(workspace)
    with Store.open(workspace.state_uri) as store:
        _refuse_stale(plan, workspace, store)
        plan = plan.named_as(last_plan(workspace, plan.name))
        job = Job(workspace, plan, fingerprint(workspace, plan), distributed=plan.engine.executor == "ray")
        with closing(make_executor(job)) as executor:
            carrier = Carrier(job, store, executor, progress)
            try:
                if until is None and plan.find(DeployStep) is not None:
                    _bring_live(carrier)
                else:
                    _carry_until(carrier, until)
            finally:
                forget_plain(job)
        return summarise(carrier)


def _refuse_another_door(workspace: Workspace) -> None:
    """A running head keeps its door, whoever applies what."""
    wanted = door_of(workspace)
    head = find_head(workspace.storage) if workspace.engine.address is None else None
    if head is not None:
        check_door(head, wanted)


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
            drive(store, open_rollout(store, endpoint, plan.digest, APPLY, lease), carrier, lease)
    if carrier.job.outputs.get(plan.step(GateStep).id, {}).get("refused"):
        return
    carrier.executor.settle()
    for step in (plan.find(kind) for kind in OPERATING):
        if step is not None:
            _operate(carrier, step)
    write_json(carrier.job.workspace.plan_file(plan.name), plan.to_json())


def _operate(carrier: Carrier, step: BaseStep) -> None:
    """Set a step of the running endpoint up, unless it stands. What it replaces stands no more, whatever comes of it."""
    plan, workspace = carrier.job.plan, carrier.job.workspace
    stands = step_stands(workspace, plan, step)
    before = applied_plan(workspace, plan.name)
    if not stands and before is not None and step.id in before.digests:
        carrier.store.steps.forget(before.run_key(step, carrier.job.content))
    carrier.carry(step, stands=stands)


def _was_live(carrier: Carrier, endpoint: str) -> bool:
    """Whether this plan's model is live, was and gave way to a retrain or a rollback, or its gate refused it. One that another
    plan's took the place of goes live again.
    """
    plan, store = carrier.job.plan, carrier.store
    gate = plan.step(GateStep)
    package, verdict = carrier.kept(plan.step(PackageStep)), carrier.kept(gate)
    if package is None or verdict is None:
        return False
    if verdict.get("refused"):
        return True
    champions = [table.champion.artifact_sha256 for table in store.routes.history(endpoint)]
    if package["sha256"] not in champions or package["sha256"] == champions[0]:
        return package["sha256"] in champions
    last = last_plan(carrier.job.workspace, plan.name)
    by_apply = [each.artifact_sha256 for each in store.rollouts.live(endpoint) if each.reason == APPLY]
    is_replaced = by_apply != [] and by_apply[-1] != package["sha256"]
    return not is_replaced and (last is None or last.digests.get(gate.id) == plan.digests[gate.id])
