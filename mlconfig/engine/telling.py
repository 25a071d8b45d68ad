"""Alerts on their way to people: what is to be said is decided in the turn, and delivered outside of it.

``tell`` decides and puts into the outbox in one transaction; ``deliver`` reads the outbox and sends. They share nothing but the
database, so a sink that hangs holds up neither the watch nor another sink.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlconfig.engine.workspace import Workspace
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.records.verdict import Alert, Verdict


@dataclass(frozen=True)
class Delivery:
    """What a delivery did: how many alerts were taken, and what each sink that did not take one said, by its name."""

    sent: int = 0
    failed: tuple[tuple[str, str], ...] = ()


def tell(
    plan: Plan, store: Store, verdicts: Sequence[Verdict], previous: Sequence[Verdict], version: str, now: float
) -> tuple[Alert, ...]:
    """Decide what is to be said after a pass, and put it into the outbox; what was decided, in order.

    Args:
        plan: the applied plan, which monitors.
        store: the lifecycle's; the pass's verdicts are in it already.
        verdicts: what the pass found, new and changed.
        previous: what was known of the live version before it.
        version: the live one; what is open of others is ended.
        now: the clock, seconds since 1970.
    """
    raise NotImplementedError


def deliver(workspace: Workspace, plan: Plan, store: Store, now: float) -> Delivery:
    """Send what is due, each sink by itself. Safe to run twice at once, and after a crash anywhere.

    Ask ``store.outbox.is_due(endpoint, now)`` first where starting a process for it costs something.
    """
    raise NotImplementedError
