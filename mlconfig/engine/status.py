"""What is live, how it does, and why: read from the state, asked of the endpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlconfig.engine.address import base_url
from mlconfig.engine.ask import get_json
from mlconfig.engine.heartbeat import STALE_S, last_heartbeat
from mlconfig.engine.live import applied_plan, has_state
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import ServingError
from mlconfig.lifecycle.rollouts import Rollout
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep, RetrainStep
from mlconfig.records.route import RouteTable
from mlconfig.records.verdict import Alert, Verdict
from mlconfig.records.version import VersionCard
from mlconfig.vocabulary import format_duration


@dataclass(frozen=True)
class Status:
    """All that ``mlconfig status`` shows. ``serving``: what the endpoint itself says; null when it does not answer."""

    name: str
    endpoint: str
    url: str | None
    serving: dict[str, Any] | None
    problem: str
    applied: bool
    route: RouteTable | None = None
    card: VersionCard | None = None
    versions: tuple[VersionCard, ...] = ()
    rollouts: tuple[tuple[Rollout, str], ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    alerts: tuple[Alert, ...] = ()
    undelivered: tuple[str, ...] = ()
    policy: str = ""
    controller: str = ""


def status_of(workspace: Workspace, plan: Plan) -> Status:
    """The status of one recipe; nothing is started to find it out."""
    deploy = plan.find(DeployStep)
    endpoint = deploy.endpoint if deploy is not None else plan.name
    url = base_url(workspace) if deploy is not None else None
    serving, problem = _ask(url, endpoint)
    applied = applied_plan(workspace, plan.name)
    bare = Status(
        name=plan.name,
        endpoint=endpoint,
        url=url,
        serving=serving,
        problem=problem,
        applied=applied is not None,
        policy=_policy(applied or plan),
        controller=_controller(workspace, plan.name) if applied is not None else "",
    )
    if not has_state(workspace):
        return bare
    with Store.open(workspace.state_uri) as store:
        return _with_state(bare, store)


def _with_state(bare: Status, store: Store) -> Status:
    route = store.routes.current(bare.endpoint)
    live = route.champion.version if route is not None else None
    rollouts = store.rollouts.all(bare.endpoint)[-5:]
    return Status(
        **{
            **vars(bare),
            "route": route,
            "card": store.versions.get(bare.name, live) if live is not None else None,
            "versions": tuple(store.versions.all(bare.name)),
            "rollouts": tuple((rollout, _why(store, rollout)) for rollout in rollouts),
            "verdicts": tuple(store.verdicts.latest(bare.endpoint, live)) if live is not None else (),
            "alerts": tuple(store.alerts.open(bare.endpoint)),
            "undelivered": tuple(_undelivered(store, bare.endpoint)),
        }
    )


def _undelivered(store: Store, endpoint: str) -> Iterator[str]:
    """Alerts that a sink did not take yet, or that were given up, in words."""
    waiting = [letter for letter in store.outbox.pending(endpoint) if letter.error]
    for letters, what in ((waiting, "is tried again for"), (store.outbox.dead(endpoint), "was given up for")):
        for letter in letters:
            yield f"`{letter.rule}` {what} the sink `{letter.sink}`: {letter.error}"


def _why(store: Store, rollout: Rollout) -> str:
    events = store.audit.events(rollout.id)
    return events[-1].reason if events else ""


def _ask(url: str | None, endpoint: str) -> tuple[dict[str, Any] | None, str]:
    if url is None:
        return None, "nothing is deployed"
    try:
        return get_json(f"{url}/v1/{endpoint}"), ""
    except ServingError as error:
        return None, str(error).splitlines()[0]


def _policy(plan: Plan) -> str:
    step = plan.find(RetrainStep)
    if step is None:
        return "only by hand"
    policy = step.retraining
    return f"on {' or '.join(policy.when)}, from {policy.data.from_}, cooldown {format_duration(policy.cooldown)}"


def _controller(workspace: Workspace, name: str) -> str:
    """How the controller does, in words."""
    sign = last_heartbeat(workspace, name)
    if sign is None:
        return "has not looked yet"
    silent = time.time() - sign.at
    if silent > STALE_S:
        return f"was last heard of {silent:.0f} s ago; `mlconfig apply` starts it again"
    return sign.fault or "looks after it"
