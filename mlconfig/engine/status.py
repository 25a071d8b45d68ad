"""What is live, how it does, and why: read from the state, asked of the endpoint."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from mlconfig.engine.address import base_url, grpc_address
from mlconfig.engine.ask import get_json
from mlconfig.engine.evidence import counts_since
from mlconfig.engine.heartbeat import STALE_S, last_heartbeat
from mlconfig.engine.keeping import kept_in_words
from mlconfig.engine.letters import undelivered
from mlconfig.engine.live import applied_plan, has_state
from mlconfig.engine.schedule import BatchView, views
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import MlconfigError, ServingError
from mlconfig.lifecycle.rollouts import Rollout
from mlconfig.lifecycle.states import State
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep, RetrainStep
from mlconfig.records.route import RouteTable
from mlconfig.records.verdict import Alert, Verdict
from mlconfig.records.version import VersionCard
from mlconfig.vocabulary import format_duration, rough_duration


@dataclass(frozen=True)
class Status:
    """All that ``mlconfig status`` shows.

    ``serving``: what the endpoint itself says; null when it does not answer. ``grpc``: where it answers gRPC, null where its
    protocols do not. ``unloadable``: why replicas cannot take the route's version over. ``promotion``: the generation of the
    route that made its version the champion.
    """

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
    kept: str = ""
    batches: tuple[BatchView, ...] = ()
    grpc: str | None = None
    unloadable: str = ""
    promotion: RouteTable | None = None


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
        grpc=grpc_address(workspace, deploy.serving, plan.project_plugins) if deploy is not None else None,
    )
    if not has_state(workspace):
        return bare
    with Store.open(workspace.state_uri) as store:
        begin = counts_since(workspace, applied or plan, store, endpoint)
        kept = kept_in_words(workspace, applied or plan, store)
        told = _with_state(replace(bare, kept=kept, batches=views(applied or plan, store)), store, begin)
    return replace(told, unloadable=_unloadable(workspace, told))


def _with_state(bare: Status, store: Store, begin: float) -> Status:
    """``begin``: of the windows that count."""
    route = store.routes.current(bare.endpoint)
    live = route.champion.version if route is not None else None
    rollouts = store.rollouts.all(bare.endpoint)[-5:]
    return Status(
        **{
            **vars(bare),
            "route": route,
            "promotion": _promotion(store.routes.history(bare.endpoint)),
            "card": store.versions.get(bare.name, live) if live is not None else None,
            "versions": tuple(store.versions.all(bare.name)),
            "rollouts": tuple((rollout, _why(store, rollout)) for rollout in rollouts),
            "verdicts": tuple(store.verdicts.latest(bare.endpoint, live, begin)) if live is not None else (),
            "alerts": tuple(store.alerts.open(bare.endpoint)),
            "undelivered": tuple(_undelivered(store, bare.endpoint)),
        }
    )


def _promotion(history: Sequence[RouteTable]) -> RouteTable | None:
    """The oldest of the newest generations with one champion; ``history``: the newest first."""
    same = takewhile(lambda table: table.champion == history[0].champion, history)
    return next(iter(deque(same, maxlen=1)), None)


def _unloadable(workspace: Workspace, status: Status) -> str:
    """What is wrong with the version that the route names, where the endpoint answers without it."""
    route, serving = status.route, status.serving
    if route is None or serving is None:
        return ""
    if serving.get("generation") == route.generation and not serving.get("fallback"):
        return ""
    from mlconfig.serving.predictor import Predictor

    version = route.champion
    try:
        Predictor.load(workspace.storage / version.folder, version.artifact_sha256)
    except MlconfigError as error:
        return str(error)
    return ""


def _undelivered(store: Store, endpoint: str) -> list[str]:
    """Alerts that a sink did not take yet, or that were given up, in words."""
    waiting = [letter for letter in store.outbox.pending(endpoint) if letter.error]
    return undelivered((*waiting, *store.outbox.dead(endpoint)))


def _why(store: Store, rollout: Rollout) -> str:
    """Why it is in its state; of one that was replaced, when it was live."""
    events = store.audit.events(rollout.id)
    live = [event.at for event in events if event.after == State.LIVE]
    if rollout.state is State.SUPERSEDED and live:
        return f"live from {_moment(live[-1])} to {_moment(rollout.entered_at)} UTC"
    return events[-1].reason if events else ""


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def _ask(url: str | None, endpoint: str) -> tuple[dict[str, Any] | None, str]:
    if url is None:
        return None, "nothing is deployed"
    try:
        return get_json(f"{url}/v1/{endpoint}/readyz"), ""
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
        return f"was last heard of {rough_duration(round(silent))} ago; `mlconfig apply` starts it again"
    return sign.fault or "looks after it"
