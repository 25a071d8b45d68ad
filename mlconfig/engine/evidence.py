"""Which evidence counts: what a version was found to be before the endpoint came back to it was acted on already.

A version that is live again, because another one was rolled back or a person brought it back, is judged anew: no alert, vote or
trigger rests on a window that began before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from mlconfig.engine.moment import endpoint_now

if TYPE_CHECKING:
    from mlconfig.engine.workspace import Workspace
    from mlconfig.lifecycle.store import Store
    from mlconfig.plan.plan import Plan
    from mlconfig.records.route import RouteTable
    from mlconfig.records.verdict import Verdict

SPENT = "evidence"
"""The key of a retrain's request under which stands what was known when it was made."""


def counts_since(workspace: Workspace, plan: Plan, store: Store, endpoint: str) -> float:
    """From when on windows of the live version count, in the endpoint's time; -inf while it is live for the first time."""
    returned = _returned_at(store.routes.history(endpoint))
    return -math.inf if returned is None else endpoint_now(workspace, plan, returned, arrived_by=returned)


def _returned_at(history: Sequence[RouteTable]) -> float | None:
    """When the live version came back, by the clock; null where it never was away. ``history``: newest first."""
    live = history[0].champion.version if history else None
    tenure = list(takewhile(lambda table: table.champion.version == live, history))
    was_live = any(table.champion.version == live for table in history[len(tenure) :])
    return tenure[-1].created_at if was_live else None


def spent(verdicts: Sequence[Verdict]) -> list[list[Any]]:
    """What a retrain rests on, for its request."""
    return [_key(verdict) for verdict in verdicts]


def unspent(store: Store, endpoint: str, verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Those that the last retrain did not rest on: when that was refused, the same windows do not ask for another."""
    retrains = [each for each in store.rollouts.all(endpoint) if each.request.get("kind") == "retrain"]
    known = [tuple(key) for key in retrains[-1].request.get(SPENT, ())] if retrains else []
    return tuple(verdict for verdict in verdicts if tuple(_key(verdict)) not in known)


def _key(verdict: Verdict) -> list[Any]:
    """A verdict on the same window that rests on other labels is other evidence."""
    return [verdict.version, verdict.signal, verdict.scale, verdict.window.start, verdict.labelled, verdict.revisions]
