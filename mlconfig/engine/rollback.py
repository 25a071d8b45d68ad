"""Back to the version before, when an alert's rule asks for it: once for an alert, and never to and fro.

A rollback is the rollout machine's own: the live rollout goes LIVE → ROLLING_BACK → ROLLED_BACK under the endpoint's lease, and
the route gets one generation more. So it is refused where there is no promotion to undo: no earlier version, or a live version
that came by a rollback itself, whose own rollout has long ended. The table of a rollback calls previous what came before the
version that it went back to, so no version that was rolled back is ever gone back to.
"""

from __future__ import annotations

import logging
import time

from mlconfig.engine.tenure import tenure
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import EngineError
from mlconfig.lifecycle.lease import Lease
from mlconfig.lifecycle.machine import advance, intended
from mlconfig.lifecycle.rollouts import Rollout
from mlconfig.lifecycle.states import TERMINAL, State
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep
from mlconfig.records.route import RouteTable, RouteVersion
from mlconfig.records.verdict import Alert

logger = logging.getLogger(__name__)

NOTE = "rollback"
"""The audit trail's kind of note about what was made of an alert's wish."""


def roll_back(workspace: Workspace, plan: Plan, store: Store, alert: Alert, now: float) -> str | None:
    """Do what an open alert's ``action: rollback`` asks; what was done or why not, in words, null when that was said before.

    The answer also goes into the log and the audit trail, once for an alert. While somebody else holds the endpoint's lease
    nothing is decided, and the next turn asks again.

    Args:
        workspace: the project.
        plan: the applied plan, which deploys.
        store: the lifecycle's.
        alert: as ``monitoring.alerts.wanted_rollback(store.alerts.open(endpoint))`` gives it.
        now: the clock, seconds since 1970.
    """
    endpoint, subject = plan.step(DeployStep).endpoint, f"alert:{alert.episode}"
    if any(event.kind == NOTE for event in store.audit.events(subject)):
        return None
    try:
        with tenure(store, endpoint, patience=0.5) as lease:
            said = _decide(workspace, store, endpoint, alert, lease)
    except EngineError:
        return None  # somebody is at work on the endpoint: a rollout that may replace the version anyway
    logger.warning("%s: %s", endpoint, said)
    store.audit.note(NOTE, subject, said, now)
    return said


def _decide(workspace: Workspace, store: Store, endpoint: str, alert: Alert, lease: Lease) -> str:
    unfinished = _unfinished(store, endpoint)
    if unfinished is not None:
        return _finish(store, unfinished, lease)
    route = store.routes.current(endpoint)
    rollout = _live_rollout(store, route)
    why_not = _why_not(workspace, store, alert, route, rollout)
    if why_not or rollout is None:
        return f"`{alert.rule}` asks for a rollback, and there is none: {why_not}"
    reason = f"alert `{alert.rule}`: {alert.signal} is {alert.state}"
    going = store.rollouts.transition(
        rollout.id, rollout.row_version, State.ROLLING_BACK, reason=reason, now=time.time(), lease=lease,
        effects=intended(State.ROLLING_BACK),
    )  # fmt: skip
    return _finish(store, going, lease)


def _finish(store: Store, rollout: Rollout, lease: Lease) -> str:
    while rollout.state not in TERMINAL:
        rollout = advance(store, rollout, {}, time.time, lease)
    return f"version {rollout.version}: {store.audit.events(rollout.id)[-1].reason}"


def _unfinished(store: Store, endpoint: str) -> Rollout | None:
    """A rollback whose process died on the way."""
    found = store.rollouts.open(endpoint)
    return found if found is not None and found.state is State.ROLLING_BACK else None


def _live_rollout(store: Store, route: RouteTable | None) -> Rollout | None:
    """The rollout that brought the version live which answers; none where a rollback did."""
    live = store.rollouts.live(route.endpoint) if route is not None else []
    return next((each for each in reversed(live) if route is not None and each.version == route.champion.version), None)


def _why_not(
    workspace: Workspace, store: Store, alert: Alert, route: RouteTable | None, rollout: Rollout | None
) -> str:
    """Why there is no way back; empty when there is."""
    if route is None:
        return "no version is live"
    live, before = route.champion.version, route.previous
    if alert.version != live:
        return f"it is about version {alert.version}, and version {live} is live"
    if before is None:
        return f"there is no version before {live}"
    if rollout is None:
        return f"version {live} is live by a rollback itself, and a rollback is not rolled back"
    return _why_not_to(workspace, store, before)


def _why_not_to(workspace: Workspace, store: Store, before: RouteVersion) -> str:
    if not store.gates.passed(before.artifact_sha256):
        return f"the bytes of version {before.version}, the one before, have no passed gate"
    if not (workspace.storage / before.folder).is_dir():
        return f"the folder of version {before.version}, the one before, is gone"
    return ""
