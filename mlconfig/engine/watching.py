"""A watch by hand: one turn of the cycle now, in this process, and what it found."""

from __future__ import annotations

import time

from mlconfig.engine.champion import champion_of
from mlconfig.engine.cycle import CycleReport, run_cycle
from mlconfig.engine.live import has_state
from mlconfig.engine.telling import deliver
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import EngineError, PlanError
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import MonitorStep
from mlconfig.records.verdict import Verdict


def watch_now(workspace: Workspace, plan: Plan) -> tuple[CycleReport, tuple[Verdict, ...]]:
    """Judge all complete windows; returns what is new, and the newest verdict of each signal and scale of the live version.

    Alerts are sent. A retrain that the policy wants is only said: the controller, which asks the policy by itself, carries it
    out.

    Raises:
        PlanError: the recipe declares no monitoring.
        EngineError: no version is live.
    """
    monitor = plan.find(MonitorStep)
    if monitor is None:
        raise PlanError(f"`{plan.name}` declares no monitoring", hint="`monitoring: none` switches it off")
    if not has_state(workspace):
        raise EngineError(f"no version of `{plan.name}` is live", hint="`mlconfig apply` first")
    with Store.open(workspace.state_uri) as store:
        champion = champion_of(workspace, store, monitor.endpoint)
        if champion is None:
            raise EngineError(f"no version of `{plan.name}` is live", hint="`mlconfig apply` first")
        report = run_cycle(workspace, plan, store, time.time(), act=False)
        deliver(workspace, plan, store, time.time())
        return report, tuple(store.verdicts.latest(monitor.endpoint, champion.route.version))
