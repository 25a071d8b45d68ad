"""When batches run: starts what is due, and tells how each does. Which run is due stands in the state."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from mlconfig.engine.workspace import Workspace
from mlconfig.lifecycle.batches import BatchRecord, BatchRun, lease_of
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep
from mlconfig.vocabulary import Frozen

logger = logging.getLogger(__name__)

PAUSE_S = 15.0
"""Before a run that was cut off is taken up again: what ended its process may take a while to pass."""


class Apart(Protocol):
    """Runs batches in processes of their own."""

    def start(self, workspace: Workspace, plan: Plan, name: str) -> Any:
        """Begin ``run_due`` there."""
        ...

    def is_over(self, run: Any) -> bool:
        """Whether a run has ended. Raises what it did not record itself."""
        ...


@dataclass
class Schedule:
    """Starts what is due. It remembers only what it started itself; all else stands in the state."""

    workspace: Workspace
    apart: Apart
    _under_way: dict[tuple[str, str], Any] = field(default_factory=dict)
    _paused: dict[tuple[str, str], float] = field(default_factory=dict)

    def look_after(self, plan: Plan, store: Store, now: float) -> None:
        """Start each batch of a plan that is due, not under way, and has a version to score with."""
        deploy = plan.find(DeployStep)
        if deploy is None:
            return
        crons = {name: batch.cron for name, batch in deploy.serving.batch.items()}
        for name, record in store.batches.declare(plan.name, crons, now).items():
            key = plan.name, name
            if self._is_under_way(key, now) or now < self._paused.get(key, 0.0):
                continue
            if record.due(now, plan.time_zone) is None or is_held(store, record, now):
                continue
            if store.routes.current(deploy.endpoint) is not None:
                self._under_way[key] = self.apart.start(self.workspace, plan, name)

    def _is_under_way(self, key: tuple[str, str], now: float) -> bool:
        if key not in self._under_way:
            return False
        try:
            if not self.apart.is_over(self._under_way[key]):
                return True
        except Exception as error:  # noqa: BLE001 — whatever ended it, the state says what is still to be done
            logger.warning("batch %s of %s was cut off: %s", key[1], key[0], error)
            self._paused[key] = now + PAUSE_S
        del self._under_way[key]
        return False


def is_held(store: Store, record: BatchRecord, now: float) -> bool:
    """Whether a run is under way, here or elsewhere."""
    lease = store.leases.current(lease_of(record.recipe, record.name))
    return lease is not None and bool(lease.holder) and lease.expires > now


class BatchView(Frozen):
    """How a batch does. ``next_at``: its next time, which has passed where nobody looked; null while it is not applied.

    ``running``: whether somebody is at it now. A last run that is not ended and not running was cut off.
    """

    name: str
    cron: str
    time_zone: str
    next_at: float | None = None
    running: bool = False
    last: BatchRun | None = None
    good: BatchRun | None = None
    failing_since: float | None = None


def views(plan: Plan, store: Store) -> tuple[BatchView, ...]:
    """How the batches of a plan do."""
    deploy, now, found = plan.find(DeployStep), time.time(), []
    records = store.batches.all(plan.name)
    for name, batch in deploy.serving.batch.items() if deploy is not None else ():
        record = records.get(name, BatchRecord(recipe=plan.name, name=name))
        known = record.model_dump(include={"last", "good", "failing_since"})
        next_at = record.next_time(plan.time_zone) if record.cron else None
        about = {"cron": batch.cron, "time_zone": plan.time_zone, "next_at": next_at}
        found.append(BatchView(name=name, **about, **known, running=is_held(store, record, now)))
    return tuple(found)


def moment(seconds: float, zone: str) -> str:
    """A time of the schedule as people read it."""
    return f"{datetime.fromtimestamp(seconds, ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"
