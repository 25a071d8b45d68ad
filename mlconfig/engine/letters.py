"""The alerts of an endpoint, and which of them did not reach their sinks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mlconfig.engine.live import has_state
from mlconfig.engine.telling import Delivery, deliver
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import EngineError, PlanError
from mlconfig.lifecycle.outbox import NEVER_TOLD, Letter
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


def undelivered(letters: Sequence[Letter]) -> list[str]:
    """Letters in words, one line for all that one sink was to hear of one alert, the newest alert first.

    An alert, its repetitions and its end are letters of their own, and a sink that is away takes none of them.
    """
    groups: dict[tuple[str, str, str], list[Letter]] = {}
    for letter in sorted(letters, key=lambda each: each.id):
        groups.setdefault((letter.episode, letter.rule, letter.sink), []).append(letter)
    return [_line(group) for group in reversed(groups.values())]


def _line(group: Sequence[Letter]) -> str:
    first, last = group[0], group[-1]
    what = "is given up" if any(each.state == "dead" for each in group) else "is tried again"
    if first.state == "pending" and not any(each.error for each in group):
        what = "waits"
    errors = [each.error for each in group if each.error and each.error != NEVER_TOLD]
    begun, ended = _begun(first), f" to {_moment(_said(last))}" if last.alert.resolved else ""
    counted = f" ({len(group)} messages)" if len(group) > 1 else ""
    why = f": {errors[-1]}" if errors else ""
    return f"`{first.rule}` {'' if ended else 'since '}{begun}{ended} UTC {what} for `{first.sink}`{counted}{why}"


def _begun(letter: Letter) -> str:
    since = letter.alert.since
    return _moment(since if since is not None else _said(letter))


def _said(letter: Letter) -> float:
    """When, on the clock that windows go by."""
    return letter.alert.window.end if letter.alert.window is not None else letter.alert.at


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def _send(workspace: Workspace, plan: Plan, store: Store, endpoint: str) -> Delivery:
    now = time.time()
    store.outbox.revive(endpoint, now)
    store.outbox.hasten(endpoint, now)
    return deliver(workspace, plan, store, now)
