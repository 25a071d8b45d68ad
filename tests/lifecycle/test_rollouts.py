"""Transitions: one transaction, only the allowed ways, fenced by lease and row version."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlconfig.errors import StateError
from mlconfig.lifecycle import Changes, Lease, State, Store
from mlconfig.lifecycle.states import ALLOWED, SERVING, TERMINAL

BESIDE = (State.REJECTED, State.ROLLING_BACK, State.ROLLED_BACK, State.FAILED)


def _request(store: Store, lease: Lease, now: float = 1.0):
    return store.rollouts.request("churn", "d" * 64, reason="apply", now=now, lease=lease, request={"from": "both"})


def test_the_ways_are_those_of_the_design() -> None:
    line = [state for state in State if state not in (State.HELD, *BESIDE)]
    assert line[0] is State.REQUESTED
    assert line[-1] is State.SUPERSEDED
    assert all(after in ALLOWED[before] for before, after in itertools.pairwise(line))
    assert State.REJECTED in ALLOWED[State.GATING]
    assert all(State.HELD in ALLOWED[state] for state in (State.SHADOW, State.CANARY))
    assert all(State.ROLLING_BACK in ALLOWED[state] for state in SERVING)
    assert all(State.FAILED in ALLOWED[state] for state in State if state not in TERMINAL)
    assert all(not ALLOWED[state] for state in TERMINAL)
    into_live = {before for before in State if State.LIVE in ALLOWED[before]}
    assert into_live == {State.PROMOTING}, "nothing goes live but through a promotion"
    into_promoting = {before for before in State if State.PROMOTING in ALLOWED[before]}
    assert into_promoting == {State.GATED, State.SHADOW, State.CANARY, State.HELD}, "and nothing is promoted ungated"


def test_a_transition_writes_row_event_and_effects_together(store: Store, lease: Lease) -> None:
    rollout = _request(store, lease)
    assert (rollout.state, rollout.request) == (State.REQUESTED, {"from": "both"})
    moved = store.rollouts.transition(
        rollout.id, 0, State.TRAINING, reason="begin", now=2.0, lease=lease, effects=["train"]
    )
    assert (moved.state, moved.row_version, moved.entered_at) == (State.TRAINING, 1, 2.0)
    assert store.rollouts.get(rollout.id) == moved
    assert [effect.key for effect in store.effects.pending(rollout.id)] == [f"{rollout.id}:TRAINING[0]:train"]
    events = store.audit.events(rollout.id)
    assert [(event.before, event.after, event.reason) for event in events] == [
        ("", "REQUESTED", "apply"), ("REQUESTED", "TRAINING", "begin"),
    ]  # fmt: skip


def test_what_is_learnt_stays(store: Store, lease: Lease) -> None:
    rollout = _request(store, lease)
    store.rollouts.transition(rollout.id, 0, State.TRAINING, reason="", now=2.0, lease=lease)
    learnt = Changes(artifact_sha256="a" * 64, folder="artifacts/1")
    store.rollouts.transition(rollout.id, 1, State.TRAINED, reason="", now=3.0, lease=lease, changes=learnt)
    moved = store.rollouts.transition(
        rollout.id, 2, State.REGISTERED, reason="", now=4.0, lease=lease, changes=Changes(version="7")
    )
    assert (moved.version, moved.artifact_sha256, moved.folder) == ("7", "a" * 64, "artifacts/1")


def test_a_way_that_does_not_exist_is_refused_and_nothing_is_written(store: Store, lease: Lease) -> None:
    rollout = _request(store, lease)
    with pytest.raises(StateError, match=r"cannot go from REQUESTED to LIVE\n  hint: it can go to FAILED, TRAINING"):
        store.rollouts.transition(rollout.id, 0, State.LIVE, reason="", now=2.0, lease=lease, effects=["promote"])
    assert store.rollouts.get(rollout.id) == rollout
    assert len(store.audit.events()) == 1
    assert store.effects.pending(rollout.id) == []


def test_a_stale_row_version_is_refused(store: Store, lease: Lease) -> None:
    rollout = _request(store, lease)
    store.rollouts.transition(rollout.id, 0, State.TRAINING, reason="", now=2.0, lease=lease)
    with pytest.raises(StateError, match=r"moved on to TRAINING \(row version 1, not 0\)"):
        store.rollouts.transition(rollout.id, 0, State.TRAINING, reason="", now=2.0, lease=lease)


def test_a_lost_lease_writes_nothing(store: Store, lease: Lease) -> None:
    rollout = _request(store, lease)
    store.leases.acquire("churn", "second", now=100.0)
    with pytest.raises(StateError, match="`first` lost the lease `churn`"):
        store.rollouts.transition(rollout.id, 0, State.TRAINING, reason="", now=2.0, lease=lease)
    assert store.rollouts.get(rollout.id) == rollout


def test_another_endpoints_lease_does_not_count(store: Store, lease: Lease) -> None:
    rollout = _request(store, lease)
    other = store.leases.acquire("fraud", "first", now=0.0)
    assert other is not None
    with pytest.raises(StateError, match="the lease of `fraud` does not cover `churn`"):
        store.rollouts.transition(rollout.id, 0, State.TRAINING, reason="", now=2.0, lease=other)


def test_one_rollout_an_endpoint_is_on_its_way(store: Store, lease: Lease) -> None:
    first = _request(store, lease)
    with pytest.raises(StateError, match=rf"rollout `{first.id}` of `churn` is still on its way \(REQUESTED\)"):
        _request(store, lease)
    store.rollouts.transition(first.id, 0, State.FAILED, reason="ended by hand", now=2.0, lease=lease)
    second = _request(store, lease, now=3.0)
    assert store.rollouts.open("churn") == second
    assert [rollout.id for rollout in store.rollouts.all("churn")] == [first.id, second.id]


def test_an_unknown_rollout_is_named(store: Store, lease: Lease) -> None:
    with pytest.raises(StateError, match="there is no rollout `nope`"):
        store.rollouts.get("nope")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wishes=st.lists(st.sampled_from(list(State)), min_size=1, max_size=12))
def test_whatever_is_asked_only_allowed_ways_are_taken(store: Store, lease: Lease, wishes: list[State]) -> None:
    for former in [rollout for rollout in store.rollouts.all("churn") if rollout.state not in TERMINAL]:
        store.rollouts.transition(former.id, former.row_version, State.FAILED, reason="", now=0.0, lease=lease)
    rollout = _request(store, lease)
    for number, wish in enumerate(wishes):
        allowed = wish in ALLOWED[rollout.state]
        try:
            moved = store.rollouts.transition(
                rollout.id, rollout.row_version, wish, reason="", now=2.0 + number, lease=lease
            )
        except StateError:
            assert not allowed
            assert store.rollouts.get(rollout.id) == rollout
        else:
            assert allowed
            assert (moved.state, moved.row_version) == (wish, rollout.row_version + 1)
            rollout = moved
    path = store.audit.events(rollout.id)
    assert all(State(event.after) in ALLOWED[State(event.before)] for event in path[1:])
    assert [event.before for event in path[1:]] == [event.after for event in path[:-1]]
    assert store.audit.verify() is None


def test_effects_are_done_once_and_looked_up_first(store: Store, lease: Lease) -> None:
    rollout = _request(store, lease)
    store.rollouts.transition(rollout.id, 0, State.TRAINING, reason="", now=2.0, lease=lease, effects=["train"])
    (effect,) = store.effects.pending(rollout.id)
    outside: list[str] = []

    def create() -> dict[str, str]:
        outside.append("made")
        raise TimeoutError  # it was made, and the answer was lost

    def look_up() -> dict[str, str] | None:
        return {"made": outside[0]} if outside else None

    with pytest.raises(TimeoutError):
        store.effects.carry_out(effect.key, look_up, create, now=3.0, lease=lease)
    assert store.effects.carry_out(effect.key, look_up, create, now=4.0, lease=lease) == {"made": "made"}
    assert store.effects.carry_out(effect.key, lambda: None, create, now=5.0, lease=lease) == {"made": "made"}
    assert outside == ["made"]
    found = store.effects.find(effect.key)
    assert found is not None
    assert (found.done, found.attempts, found.done_at) == (True, 2, 4.0)


def test_an_effect_that_nothing_intended_is_refused(store: Store, lease: Lease) -> None:
    with pytest.raises(StateError, match="no transition intended the effect `x`"):
        store.effects.finish("x", {}, now=1.0, lease=lease)
    with pytest.raises(StateError, match="no transition intended the effect `x`"):
        store.effects.attempt("x", lease)
