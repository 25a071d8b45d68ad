"""Follows a rollout until it is live or ended."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from mlconfig.cli.tables import console as make_console

if TYPE_CHECKING:
    from mlconfig.engine.workspace import Workspace
    from mlconfig.lifecycle.rollouts import Rollout

POLL_S = 0.3


def follow(workspace: Workspace, rollout: Rollout, *, output: str) -> int:
    """Print each state a rollout reaches; 0 when it went live, 1 when it was refused, 2 when it failed."""
    from mlconfig.lifecycle.states import TERMINAL, State
    from mlconfig.lifecycle.store import Store

    console = make_console()
    console.quiet = output == "json"
    console.print(f"rollout {rollout.id}: {rollout.reason}", markup=False)
    seen = ""
    with Store.open(workspace.state_uri) as store:
        while True:
            rollout = store.rollouts.get(rollout.id)
            if rollout.state != seen:
                console.print(f"  {rollout.state}", markup=False)
                seen = rollout.state
            if rollout.state in {*TERMINAL, State.LIVE}:
                break
            time.sleep(POLL_S)
        why = store.audit.events(rollout.id)[-1].reason
    console.print(why, markup=False)
    if output == "json":
        print(json.dumps({**rollout.model_dump(mode="json"), "why": why}, indent=2))
    return {State.LIVE: 0, State.SUPERSEDED: 0, State.REJECTED: 1}.get(rollout.state, 2)
