"""The machine reaches the same end whatever happens on the way."""

from __future__ import annotations

import itertools

import pytest

from mlconfig.errors import StateError, TrainingError
from mlconfig.lifecycle import Changes, Lease, Outcome, Rollout, State, Store, advance, next_action
from mlconfig.lifecycle.machine import MAX_ATTEMPTS
from mlconfig.records.verdict import GateVerdict


class Crash(BaseException):
    """The process dies here."""


class World:
    """What lies outside the database: trained files and registered versions, each kept under its effect's key."""

    def __init__(self, store: Store, *, gate: bool = True) -> None:
        self.store, self.gate = store, gate
        self.trained: dict[str, str] = {}
        self.registered: dict[str, str] = {}
        self.created: list[str] = []

    def _make(self, kept: dict[str, str], key: str, value: str) -> str:
        if key not in kept:
            kept[key] = value
            self.created.append(key)
        return kept[key]

    def train(self, rollout: Rollout, key: str) -> Outcome:
        sha = self._make(self.trained, key, f"{len(self.trained) + 1}" * 64)
        return Outcome(changes=Changes(artifact_sha256=sha, folder=f"artifacts/{sha[:4]}"))

    def register(self, rollout: Rollout, key: str) -> Outcome:
        return Outcome(changes=Changes(version=self._make(self.registered, key, f"{len(self.registered) + 1}")))

    def judge(self, rollout: Rollout, key: str) -> Outcome:
        assert rollout.artifact_sha256 is not None
        self.store.gates.record(GateVerdict(artifact_sha256=rollout.artifact_sha256, passed=self.gate), now=1.0)
        return Outcome(passed=self.gate, reason="" if self.gate else "roc_auc 0.5 < 0.8")

    @property
    def workers(self):
        return {"train": self.train, "register": self.register, "gate": self.judge}


def _clock():
    ticks = itertools.count(10)
    return lambda: float(next(ticks))


def _run(store: Store, world: World, lease: Lease, clock) -> Rollout:
    """Ticks until nothing moves, as a controller does."""
    while True:
        moved = [
            advance(store, rollout, world.workers, clock, lease) != rollout for rollout in store.rollouts.all("churn")
        ]
        if not any(moved):
            return store.rollouts.all("churn")[-1]


def _request(store: Store, lease: Lease, now: float = 1.0) -> Rollout:
    return store.rollouts.request("churn", "d" * 64, reason="apply", now=now, lease=lease)


def test_a_first_rollout_goes_live_step_by_step(store: Store, lease: Lease) -> None:
    rollout = _request(store, lease)
    done = _run(store, World(store), lease, _clock())
    assert (done.state, done.version) == (State.LIVE, "1")
    table = store.routes.current("churn")
    assert table is not None
    assert (table.generation, table.champion.version) == (1, "1")
    assert [event.after for event in store.audit.events(rollout.id)] == [
        "REQUESTED", "TRAINING", "TRAINED", "REGISTERED", "GATING", "GATED", "PROMOTING", "LIVE",
    ]  # fmt: skip
    assert store.effects.pending(rollout.id) == []


def test_a_second_one_supersedes_the_first(store: Store, lease: Lease) -> None:
    world, clock = World(store), _clock()
    first = _request(store, lease)
    _run(store, world, lease, clock)
    second = _request(store, lease, now=2.0)
    _run(store, world, lease, clock)
    assert store.rollouts.get(first.id).state is State.SUPERSEDED
    assert store.rollouts.get(second.id).state is State.LIVE
    assert [rollout.id for rollout in store.rollouts.live("churn")] == [second.id]


def test_a_refused_gate_ends_in_rejected_and_leaves_the_route(store: Store, lease: Lease) -> None:
    _request(store, lease)
    done = _run(store, World(store, gate=False), lease, _clock())
    assert done.state is State.REJECTED
    assert store.routes.current("churn") is None
    assert store.audit.events(done.id)[-1].reason == "roc_auc 0.5 < 0.8"


def test_a_worker_that_lies_about_the_gate_promotes_nothing(store: Store, lease: Lease) -> None:
    world = World(store)
    workers = {**world.workers, "gate": lambda rollout, key: Outcome()}  # says passed, records nothing
    rollout = _request(store, lease)
    clock = _clock()
    while rollout.state is not State.PROMOTING:
        rollout = advance(store, rollout, workers, clock, lease)
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(StateError, match="have no passed gate"):
            advance(store, rollout, workers, clock, lease)
    assert advance(store, rollout, workers, clock, lease).state is State.FAILED
    assert store.routes.current("churn") is None


def test_somebodys_mistake_fails_the_rollout_with_its_text(store: Store, lease: Lease) -> None:
    def mistaken(rollout: Rollout, key: str) -> Outcome:
        raise TrainingError("column `age` is all null", hint="leave it out")

    _request(store, lease)
    world = World(store)
    world.train = mistaken  # type: ignore[method-assign]
    done = _run(store, world, lease, _clock())
    assert done.state is State.FAILED
    assert "TrainingError: column `age` is all null" in store.audit.events(done.id)[-1].reason


def test_an_accident_is_tried_again_and_then_given_up(store: Store, lease: Lease) -> None:
    def unlucky(rollout: Rollout, key: str) -> Outcome:
        raise ConnectionError("the node is gone")

    rollout = _request(store, lease)
    clock = _clock()
    rollout = advance(store, rollout, {}, clock, lease)
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(ConnectionError):
            advance(store, rollout, {"train": unlucky}, clock, lease)
        assert store.rollouts.get(rollout.id) == rollout
    assert advance(store, rollout, {"train": unlucky}, clock, lease).state is State.FAILED


def test_rolling_back_restores_the_former_version(store: Store, lease: Lease) -> None:
    world, clock = World(store), _clock()
    for now in (1.0, 2.0):
        _request(store, lease, now)
        bad = _run(store, world, lease, clock)
    store.rollouts.transition(
        bad.id, bad.row_version, State.ROLLING_BACK, reason="alarm", now=50.0, lease=lease, effects=["roll_back"]
    )
    assert _run(store, world, lease, clock).state is State.ROLLED_BACK
    table = store.routes.current("churn")
    assert table is not None
    assert (table.generation, table.champion.version) == (3, "1")


def test_states_that_a_person_or_time_must_move_wait(store: Store, lease: Lease) -> None:
    rollout = _request(store, lease)
    for state in (State.HELD, State.SHADOW, State.CANARY):
        assert next_action(rollout.model_copy(update={"state": state}), None).work == "wait"
    for state in (State.REJECTED, State.FAILED, State.SUPERSEDED, State.ROLLED_BACK):
        assert next_action(rollout.model_copy(update={"state": state}), None).work == "none"


WRITES = 30  # more than a whole rollout needs; a crash point beyond the last write is a run without a crash


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("point", range(WRITES))
def test_a_crash_at_any_commit_ends_the_same(sqlite_uri: str, point: int, when: str) -> None:
    """Dies before, or right after, the n-th commit; a new holder takes over and finishes."""
    store = Store.open(sqlite_uri)
    lease = store.leases.acquire("churn", "first", now=0.0)
    assert lease is not None
    _request(store, lease)
    world, clock, count = World(store), _clock(), itertools.count()
    crashed = _crash_at(store, point, when, count)
    try:
        _run(store, world, lease, clock)
    except Crash:
        store.database.engine.dispose()
    assert crashed() == (next(count) > point)
    store.close()

    after = Store.open(sqlite_uri)
    world.store = after
    taken = after.leases.acquire("churn", "second", now=1000.0)
    assert taken is not None
    done = _run(after, world, taken, clock)
    table = after.routes.current("churn")
    assert table is not None
    assert (done.state, done.version, table.champion.version, table.generation) == (State.LIVE, "1", "1", 1)
    assert len(world.created) == len(set(world.created)) == 2, "one training and one registration, however it went"
    assert after.audit.verify() is None
    after.close()


def _crash_at(store: Store, point: int, when: str, count):
    from contextlib import contextmanager

    real, state = store.database.write, {"crashed": False}

    @contextmanager
    def write():
        here = next(count) == point
        if here and when == "before":
            state["crashed"] = True
            raise Crash
        with real() as connection:
            yield connection
        if here:
            state["crashed"] = True
            raise Crash

    store.database.write = write  # type: ignore[method-assign]
    return lambda: state["crashed"]
