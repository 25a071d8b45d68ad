"""The alerts of an endpoint, and which of them did not reach their sinks."""

from __future__ import annotations

import time
from dataclasses import dataclass

from mlconfig.engine.live import has_state
from mlconfig.engine.telling import Delivery, deliver
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import EngineError, PlanError
from mlconfig.lifecycle.outbox import Letter
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import MonitorStep
from mlconfig.records.verdict import Alert


@dataclass(frozen=True)
class Mail:
    """``open``: alerts that have not ended; ``pending`` and ``dead``: letters on their way, and those given up."""

    open: tuple[Alert, ...]
    pending: tuple[Letter, ...]
    dead: tuple[Letter, ...]
    sent: Delivery | None = None


def mail_of(workspace: Workspace, plan: Plan, *, resend: bool = False) -> Mail:
    """What is open and what is under way; with ``resend`` all that waits or was given up is sent now.

    Raises:
        PlanError: the recipe declares no monitoring.
        EngineError: nothing was applied yet.
    """
    monitor = plan.find(MonitorStep)
    if monitor is None:
        raise PlanError(f"`{plan.name}` declares no monitoring", hint="`monitoring: none` switches it off")
    if not has_state(workspace):
        raise EngineError(f"no version of `{plan.name}` is live", hint="`mlconfig apply` first")
    with Store.open(workspace.state_uri) as store:
        sent = _send(workspace, plan, store, monitor.endpoint) if resend else None
        return Mail(
            tuple(store.alerts.open(monitor.endpoint)),
            tuple(store.outbox.pending(monitor.endpoint)),
            tuple(store.outbox.dead(monitor.endpoint)),
            sent,
        )


def _send(workspace: Workspace, plan: Plan, store: Store, endpoint: str) -> Delivery:
    now = time.time()
    store.outbox.revive(endpoint, now)
    store.outbox.hasten(endpoint, now)
    return deliver(workspace, plan, store, now)
