"""The rollout machine: level-triggered, so that whoever looks at a rollout knows its next step, whatever happened before.

``next_action`` is pure: it reads a rollout's row and the route, and says what must be done and where it leads. ``advance``
does one such step against the store. A crash anywhere loses nothing: before a transition the old state asks for the same
step again; after it, the effect's kept result, or the worker's own look-up, finds what was made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from mlconfig.errors import MlconfigError, StateError
from mlconfig.lifecycle.effects import Result
from mlconfig.lifecycle.lease import Lease
from mlconfig.lifecycle.rollouts import Changes, Rollout, effect_key
from mlconfig.lifecycle.states import TERMINAL, State
from mlconfig.lifecycle.store import Store
from mlconfig.records.route import RouteTable, RouteVersion
from mlconfig.vocabulary import Frozen

Work = Literal["none", "wait", "train", "register", "gate", "promote", "roll_back"]
Clock = Callable[[], float]

MAX_ATTEMPTS = 3


class Action(Frozen):
    """What a rollout needs next: the work, and the states it leads to.

    ``none``: nothing, ever; ``wait``: nothing now. A ``work`` of null with ``to`` is a transition alone.
    """

    work: Work | None
    to: State | None = None
    refused: State | None = None
    effect: str | None = None


class Outcome(Frozen):
    """What a piece of work says. ``passed`` false leads to ``Action.refused`` (or FAILED, where no refusal exists)."""

    passed: bool = True
    reason: str = ""
    changes: Changes = Changes()


_WORK: dict[State, tuple[Work, State, State | None]] = {
    State.TRAINING: ("train", State.TRAINED, None),
    State.TRAINED: ("register", State.REGISTERED, None),
    State.GATING: ("gate", State.GATED, State.REJECTED),
    State.PROMOTING: ("promote", State.LIVE, None),
    State.ROLLING_BACK: ("roll_back", State.ROLLED_BACK, None),
}
_STRAIGHT: dict[State, State] = {
    State.REQUESTED: State.TRAINING,
    State.REGISTERED: State.GATING,
    State.GATED: State.PROMOTING,
}


def next_action(rollout: Rollout, route: RouteTable | None) -> Action:
    """What must be done for a rollout, from its row and its endpoint's route alone."""
    if rollout.state in TERMINAL:
        return Action(work="none")
    if rollout.state is State.LIVE:
        replaced = route is not None and route.champion.version != rollout.version
        return Action(work=None, to=State.SUPERSEDED) if replaced else Action(work="wait")
    if rollout.state in _STRAIGHT:
        return Action(work=None, to=_STRAIGHT[rollout.state])
    if rollout.state in _WORK:
        work, to, refused = _WORK[rollout.state]
        key = effect_key(rollout.id, rollout.state, rollout.stage, work)
        return Action(work=work, to=to, refused=refused, effect=key)
    return Action(work="wait")


def intended(state: State) -> tuple[str, ...]:
    """The effects that a transition into this state intends."""
    return (_WORK[state][0],) if state in _WORK else ()


Worker = Callable[[Rollout, str], Outcome]
"""Does a piece of work for a rollout, given the effect's key: looks up what an interrupted attempt made, then creates."""


def advance(store: Store, rollout: Rollout, workers: Mapping[str, Worker], clock: Clock, lease: Lease) -> Rollout:
    """Do the next step of a rollout; the same rollout comes back when there is nothing to do.

    Args:
        store: the lifecycle's.
        rollout: as it was just read.
        workers: for ``train``, ``register`` and ``gate``; ``promote`` and ``roll_back`` are done here.
        clock: the controller's, in seconds since 1970; asked again after work that took long.
        lease: the endpoint's; kept renewed by the caller while work takes long.

    Raises:
        StateError: the lease or the row was lost to another, or the database cannot be reached.
        Exception: what a worker raises besides ``MlconfigError`` is taken for an accident of the moment: it passes
            through, and the step is tried again at the next call, ``MAX_ATTEMPTS`` times in all.
    """
    action = next_action(rollout, store.routes.current(rollout.endpoint))
    if action.to is None:
        return rollout
    outcome = Outcome() if action.effect is None else _carry_out(store, rollout, action, workers, clock, lease)
    to = action.to if outcome.passed else action.refused or State.FAILED
    reason = outcome.reason or (action.work or "next")
    return store.rollouts.transition(
        rollout.id, rollout.row_version, to, reason=reason, now=clock(), lease=lease,
        effects=intended(to), changes=outcome.changes,
    )  # fmt: skip


def _carry_out(
    store: Store, rollout: Rollout, action: Action, workers: Mapping[str, Worker], clock: Clock, lease: Lease
) -> Outcome:
    assert action.effect is not None
    known = store.effects.find(action.effect)
    if known is not None and known.done and known.result is not None:
        return Outcome.model_validate(known.result)
    if known is not None and known.attempts >= MAX_ATTEMPTS:
        return Outcome(passed=False, reason=f"{action.work} did not end in {MAX_ATTEMPTS} attempts")
    store.effects.attempt(action.effect, lease)
    outcome = _work(store, rollout, action, workers, clock, lease)
    kept: Result = outcome.model_dump(mode="json")
    return Outcome.model_validate(store.effects.finish(action.effect, kept, clock(), lease))


def _work(
    store: Store, rollout: Rollout, action: Action, workers: Mapping[str, Worker], clock: Clock, lease: Lease
) -> Outcome:
    if action.work == "promote":
        return _promote(store, rollout, clock, lease)
    if action.work == "roll_back":
        return _roll_back(store, rollout, clock, lease)
    assert action.work is not None
    assert action.effect is not None
    try:
        return workers[action.work](rollout, action.effect)
    except StateError:
        raise
    except MlconfigError as error:
        return Outcome(passed=False, reason=f"{type(error).__name__}: {error}")


def _promote(store: Store, rollout: Rollout, clock: Clock, lease: Lease) -> Outcome:
    route = store.routes.current(rollout.endpoint)
    if rollout.version is None or rollout.artifact_sha256 is None or rollout.folder is None:
        return Outcome(passed=False, reason="there is no registered version to promote")
    champion = RouteVersion(version=rollout.version, artifact_sha256=rollout.artifact_sha256, folder=rollout.folder)
    table = store.routes.promote(
        rollout.endpoint, champion, expected_generation=0 if route is None else route.generation,
        reason=rollout.reason, now=clock(), lease=lease,
    )  # fmt: skip
    return Outcome(reason=f"generation {table.generation}")


def _roll_back(store: Store, rollout: Rollout, clock: Clock, lease: Lease) -> Outcome:
    route = store.routes.current(rollout.endpoint)
    if route is None or route.champion.version != rollout.version:
        return Outcome(reason="the version does not answer")
    why = store.audit.events(rollout.id)[-1].reason  # the rollout's own reason says why it was begun
    table = store.routes.rollback(
        rollout.endpoint, reason=f"version {rollout.version} was rolled back: {why}", now=clock(), lease=lease,
        away_from=rollout.version,
    )  # fmt: skip
    return Outcome(reason=f"generation {table.generation}, back to version {table.champion.version}")
