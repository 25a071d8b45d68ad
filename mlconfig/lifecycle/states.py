"""The states of a rollout and the ways between them.

::

    REQUESTED → TRAINING → TRAINED → REGISTERED → GATING → GATED → SHADOW → CANARY[i] → PROMOTING → LIVE → SUPERSEDED
    GATING → REJECTED · SHADOW, CANARY → HELD · any serving state → ROLLING_BACK → ROLLED_BACK · any → FAILED
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where a rollout stands."""

    REQUESTED = "REQUESTED"
    TRAINING = "TRAINING"
    TRAINED = "TRAINED"
    REGISTERED = "REGISTERED"
    GATING = "GATING"
    GATED = "GATED"
    SHADOW = "SHADOW"
    CANARY = "CANARY"
    HELD = "HELD"
    PROMOTING = "PROMOTING"
    LIVE = "LIVE"
    SUPERSEDED = "SUPERSEDED"
    REJECTED = "REJECTED"
    ROLLING_BACK = "ROLLING_BACK"
    ROLLED_BACK = "ROLLED_BACK"
    FAILED = "FAILED"


TERMINAL = frozenset({State.SUPERSEDED, State.REJECTED, State.ROLLED_BACK, State.FAILED})
"""Nothing leaves these."""

SERVING = frozenset({State.SHADOW, State.CANARY, State.HELD, State.PROMOTING, State.LIVE})
"""The version answers, or gets copies of, live traffic, so it can be rolled back."""

_FORWARD: dict[State, tuple[State, ...]] = {
    State.REQUESTED: (State.TRAINING,),
    State.TRAINING: (State.TRAINED,),
    State.TRAINED: (State.REGISTERED,),
    State.REGISTERED: (State.GATING,),
    State.GATING: (State.GATED, State.REJECTED),
    State.GATED: (State.SHADOW, State.CANARY, State.PROMOTING),
    State.SHADOW: (State.CANARY, State.PROMOTING, State.HELD),
    State.CANARY: (State.CANARY, State.PROMOTING, State.HELD),
    State.HELD: (State.SHADOW, State.CANARY, State.PROMOTING),
    State.PROMOTING: (State.LIVE,),
    State.LIVE: (State.SUPERSEDED,),
    State.ROLLING_BACK: (State.ROLLED_BACK,),
}


def _ways(state: State) -> frozenset[State]:
    if state in TERMINAL:
        return frozenset()
    back = {State.ROLLING_BACK} if state in SERVING else set()
    return frozenset({*_FORWARD[state], *back, State.FAILED})


ALLOWED = MappingProxyType({state: _ways(state) for state in State})
"""Every transition there is."""
