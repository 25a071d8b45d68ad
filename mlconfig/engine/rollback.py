"""Back to the version before, when an alert's rule asks for it: once for an alert, and never to and fro."""

from __future__ import annotations

from mlconfig.engine.workspace import Workspace
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.records.verdict import Alert


def roll_back(workspace: Workspace, plan: Plan, store: Store, alert: Alert, now: float) -> str | None:
    """Do what an open alert's ``action: rollback`` asks; what was done or why not, in words, null when that was said before.

    Args:
        workspace: the project.
        plan: the applied plan, which deploys.
        store: the lifecycle's.
        alert: as ``monitoring.alerts.wanted_rollback(store.alerts.open(endpoint))`` gives it.
        now: the clock, seconds since 1970.
    """
    raise NotImplementedError
