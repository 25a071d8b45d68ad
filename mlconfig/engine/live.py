"""What is live now: the plan applied last, which of its steps still stand, and a plan compared with that."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from mlconfig.engine.secrecy import hiding
from mlconfig.engine.workspace import Toolbox, Workspace
from mlconfig.errors import MlconfigError
from mlconfig.lifecycle.store import Store
from mlconfig.plan.diff import Change, diff
from mlconfig.plan.plan import OPERATING, Plan, read_plan
from mlconfig.plan.step import BaseStep
from mlconfig.plan.steps import DeployStep, ReadStep
from mlconfig.records.route import RouteTable


def applied_plan(workspace: Workspace, name: str) -> Plan | None:
    """The plan that was applied last; null when there is none, or it is of another version of mlconfig."""
    path = workspace.plan_file(name)
    with suppress(MlconfigError, OSError):
        now = path.stat()
        return _plan_of(path, (now.st_ino, now.st_mtime_ns, now.st_size))
    return None


@lru_cache(maxsize=64)
def _plan_of(path: Path, content: tuple[int, int, int]) -> Plan:
    """A file's plan. ``content``: what changes with what the file holds; the controller asks every second."""
    del content
    return read_plan(path)


def applied_plans(workspace: Workspace) -> tuple[Plan, ...]:
    """All plans that are applied in the project, by name."""
    names = sorted(file.stem for file in workspace.plan_file("any").parent.glob("*.json"))
    return tuple(plan for name in names if (plan := applied_plan(workspace, name)) is not None)


def last_plan(workspace: Workspace, name: str) -> Plan | None:
    """The plan that is applied, or was until it was ended: results are kept under its digests (``Plan.named_as``)."""
    with suppress(MlconfigError):
        return applied_plan(workspace, name) or read_plan(workspace.ended_plan_file(name))
    return None


def end_plan(workspace: Workspace, name: str) -> None:
    """The plan is applied no more."""
    applied, ended = workspace.plan_file(name), workspace.ended_plan_file(name)
    if applied.is_file():
        ended.parent.mkdir(exist_ok=True)
        applied.replace(ended)


def has_state(workspace: Workspace) -> bool:
    """Whether a lifecycle database may be there; a local one is not made only to look into it."""
    return (
        not workspace.state_uri.startswith("sqlite:///")
        or Path(workspace.state_uri.removeprefix("sqlite:///")).exists()
    )


def fingerprint(workspace: Workspace, plan: Plan) -> str:
    """The source's fingerprint now. Raises ``DataError`` when it cannot be made."""
    source = plan.step(ReadStep).source
    with hiding(workspace, plan):
        return str(Toolbox(workspace, plan).create("source", source.name, source.params).fingerprint())


def endpoint_stands(workspace: Workspace, endpoint: str) -> bool:
    """Whether the endpoint answers; asks it, so that nothing is believed."""
    from mlconfig.engine.address import base_url
    from mlconfig.engine.ask import answers

    url = base_url(workspace)
    return url is not None and answers(f"{url}/v1/{endpoint}")


def step_stands(workspace: Workspace, plan: Plan, step: BaseStep) -> bool:
    """Whether what a carried-out step set up is still there.

    Steps that learn stand by what they recorded; of those that operate the endpoint only the ones that were applied last, since
    each takes the place of the one before.
    """
    if not isinstance(step, OPERATING):
        return True
    applied = applied_plan(workspace, plan.name)
    if applied is None or applied.digests.get(step.id) != plan.digests[step.id]:
        return False
    return endpoint_stands(workspace, plan.step(DeployStep).endpoint)


def live_digest(plan: Plan | None, route: RouteTable | None) -> str:
    """One digest of what is live: the applied plan, and the version that answers."""
    parts = (plan.digest if plan is not None else "", route.champion.artifact_sha256 if route is not None else "")
    return hashlib.sha256(":".join(parts).encode()).hexdigest()


def current_digest(workspace: Workspace, plan: Plan, store: Store | None) -> str:
    """The digest of what is live for a plan's name and endpoint."""
    deploy = plan.find(DeployStep)
    route = store.routes.current(deploy.endpoint) if store is not None and deploy is not None else None
    return live_digest(applied_plan(workspace, plan.name), route)


def compare(plan: Plan, workspace: Workspace) -> tuple[tuple[Change, ...], str]:
    """What applying a plan would do, and the digest of what it was compared with."""
    content: str | None = None
    with suppress(MlconfigError):
        content = fingerprint(workspace, plan)
    before = applied_plan(workspace, plan.name)
    if not has_state(workspace):
        return diff(plan, before, content, lambda _: False), live_digest(before, None)
    plan = plan.named_as(last_plan(workspace, plan.name))
    with Store.open(workspace.state_uri) as store:
        steps = {plan.run_key(step, content or ""): step for step in plan.steps}

        def done(run_key: str) -> bool:
            return store.steps.find(run_key) is not None and step_stands(workspace, plan, steps[run_key])

        return diff(plan, before, content, done), current_digest(workspace, plan, store)
