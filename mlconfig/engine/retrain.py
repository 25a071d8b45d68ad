"""Retrains: asked for by the policy or by a person, carried out by the steps of the live plan on other data."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from typing import Any

from mlconfig.engine.carrier import Carrier
from mlconfig.engine.champion import Champion, champion_of, frozen_features
from mlconfig.engine.evidence import SPENT
from mlconfig.engine.executors.local import LocalExecutor
from mlconfig.engine.job import Job, Retrain
from mlconfig.engine.passage import abandon, drive, refuse_if_busy, retrain_on_its_way
from mlconfig.engine.report import Progress, silent
from mlconfig.engine.tenure import tenure
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import EngineError, MlconfigError
from mlconfig.lifecycle.lease import Lease
from mlconfig.lifecycle.rollouts import Rollout
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep


def request_retrain(workspace: Workspace, plan: Plan, reason: str) -> Rollout:
    """Ask the controller for a retrain now. Raises ``EngineError`` when nothing is live that it could replace."""
    from mlconfig.engine.address import base_url
    from mlconfig.engine.moment import endpoint_now

    endpoint = plan.step(DeployStep).endpoint
    if base_url(workspace) is None:
        raise EngineError(f"`{endpoint}` is not deployed", hint="`mlconfig apply` first")
    with Store.open(workspace.state_uri) as store:
        if champion_of(workspace, store, endpoint) is None:
            raise EngineError(f"no version is live at `{endpoint}`", hint="`mlconfig apply` first")
        refuse_if_busy(store, endpoint)
        now = endpoint_now(workspace, plan, time.time())
        with tenure(store, endpoint) as lease:
            return record_request(store, plan, lease, reason=reason, now=now)


def record_request(
    store: Store, plan: Plan, lease: Lease, *, reason: str, now: float, drift_since: float | None = None,
    evidence: Sequence[Any] = (),
) -> Rollout:  # fmt: skip
    """A new rollout that a retrain shall fill; ``now`` is the endpoint's time, kept for the cooldown.

    ``evidence``: what it rests on, which asks for no other one (``evidence.spent``).

    An apply that was interrupted gives way; who was still at work on it would hold the lease.
    """
    request: dict[str, Any] = {"kind": "retrain", "now": now, "drift_since": drift_since}
    if evidence:
        request[SPENT] = list(evidence)
    endpoint = plan.step(DeployStep).endpoint
    stopped = store.rollouts.open(endpoint)
    if stopped is not None and retrain_on_its_way(store, endpoint) is None:
        abandon(store, stopped, reason, lease)
    return store.rollouts.request(endpoint, plan.digest, reason=reason, now=time.time(), lease=lease, request=request)


def carry_rollout(workspace: Workspace, plan: Plan, rollout_id: str, progress: Progress = silent) -> str:
    """Carry a requested retrain out in this process; returns the state it ended in."""
    endpoint = plan.step(DeployStep).endpoint
    with Store.open(workspace.state_uri) as store, tenure(store, endpoint) as lease:
        rollout = store.rollouts.get(rollout_id)
        champion = champion_of(workspace, store, endpoint)
        if champion is None:
            raise EngineError(f"no version is live at `{endpoint}`", hint="`mlconfig apply` first")
        job = _job(workspace, plan, rollout, champion)
        try:
            ended = drive(store, rollout, Carrier(job, store, LocalExecutor(), progress), lease)
        except MlconfigError:
            _clear(job)  # a failed rollout is over; an accident of another kind is tried again with what was kept
            raise
        _clear(job)
        return str(ended.state)


def _clear(job: Job) -> None:
    """Remove what the steps of an ended retrain handed to each other: a whole table each; the version has its own folder."""
    for step in job.plan.steps:
        shutil.rmtree(job.folder(step), ignore_errors=True)


def _job(workspace: Workspace, plan: Plan, rollout: Rollout, champion: Champion) -> Job:
    """The live plan with the champion's features and searched values; its content is this one rollout's."""
    drift_since = rollout.request.get("drift_since")
    retrain = Retrain(rollout.reason, float(rollout.request["now"]), champion.route.version, drift_since)
    frozen = plan.bind(champion.tuned).with_features(frozen_features(champion.features))
    return Job(workspace, frozen, content=f"rollout:{rollout.id}", retrain=retrain)
