"""Ends what was started: an endpoint, or the whole head with all its processes. Data and versions stay."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

from mlconfig.engine.head import connect, destroy_head, disconnect, find_head
from mlconfig.engine.live import applied_plans, end_plan, has_state
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import MlconfigError
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep


def destroy_all(workspace: Workspace) -> int:
    """End the project's head; returns how many processes ended. On a given cluster only our applications are ended.

    Nothing acknowledged is lost: a prediction is in the log's file before its answer is sent.
    """
    ended = 0
    if workspace.engine.address is not None:
        for plan in applied_plans(workspace):
            ended += _remove(workspace, plan)
    else:
        if "ray" in sys.modules:
            disconnect()  # Ray ends a process whose cluster goes away under it
        ended = destroy_head(workspace.storage)
    for plan in applied_plans(workspace):
        _forget(workspace, plan)
    return ended


def destroy_endpoint(workspace: Workspace, plan: Plan) -> str:
    """End one recipe's endpoint, and the head with it when it was the last; says what was done."""
    others = [
        other for other in applied_plans(workspace) if other.name != plan.name and other.find(DeployStep) is not None
    ]
    if not others and workspace.engine.address is None:
        ended = destroy_all(workspace)
        return f"ended {ended} process(es)" if ended else "nothing was running"
    found = _remove(workspace, plan)
    _forget(workspace, plan)
    kept = ", ".join(other.name for other in others)
    return (
        f"`{plan.name}` no longer answers" + (f"; {kept} goes on" if kept else "") if found else "nothing was running"
    )


def _forget(workspace: Workspace, plan: Plan) -> None:
    """Nothing is applied any more, so no time of a batch that passes from now on is missed."""
    end_plan(workspace, plan.name)
    with suppress(MlconfigError):  # a database that is away holds up no end
        if plan.find(DeployStep) is None or not has_state(workspace):
            return
        with Store.open(workspace.state_uri) as store:
            store.batches.rest(plan.name, time.time(), "ended with `mlconfig destroy`")


def _remove(workspace: Workspace, plan: Plan) -> int:
    head = find_head(workspace.storage) if workspace.engine.address is None else None
    if head is None and workspace.engine.address is None:
        return 0
    connect(head if head is not None else str(workspace.engine.address))
    from mlconfig.engine.controller import stop_controller
    from mlconfig.engine.endpoints import remove

    deploy = plan.find(DeployStep)
    found = deploy is not None and remove(workspace, deploy.endpoint)
    if workspace.engine.address is not None and len(applied_plans(workspace)) <= 1:
        with suppress(ValueError):
            stop_controller(workspace)
    return int(found)
