"""Two that both believe they hold the lease never duplicate, and never go back in epoch or generation."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlconfig.errors import StateError
from mlconfig.lifecycle import Lease, Store
from mlconfig.records.route import RouteTable, RouteVersion
from mlconfig.records.verdict import GateVerdict

MOVES = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["acquire", "look", "promote", "rollback", "sleep", "renew"])),
    min_size=5, max_size=40,
)  # fmt: skip


class Holder:
    """Keeps a lease and a generation that it once read, however stale they are."""

    def __init__(self, store: Store, endpoint: str, name: str) -> None:
        self.store, self.endpoint, self.name = store, endpoint, name
        self.lease = Lease(name=endpoint, holder=name, epoch=0, expires=0.0)
        self.seen = 0
        self.made = 0

    def do(self, move: str, now: float) -> RouteTable | None:
        if move == "acquire":
            self.lease = self.store.leases.acquire(self.endpoint, self.name, now) or self.lease
        elif move == "renew":
            self.store.leases.renew(self.lease, now)
        elif move == "look":
            table = self.store.routes.current(self.endpoint)
            self.seen = 0 if table is None else table.generation
        elif move == "promote":
            self.made += 1
            version = f"{self.name}{self.made}"
            sha = version.encode().hex().ljust(64, "0")
            self.store.gates.record(GateVerdict(artifact_sha256=sha, passed=True), now=now)
            champion = RouteVersion(version=version, artifact_sha256=sha, folder=version)
            return self.store.routes.promote(
                self.endpoint, champion, expected_generation=self.seen, reason="", now=now, lease=self.lease
            )
        elif move == "rollback":
            return self.store.routes.rollback(self.endpoint, reason="", now=now, lease=self.lease)
        return None


def _play(store: Store, endpoint: str, moves: list[tuple[str, str]]) -> list[RouteTable]:
    holders = {name: Holder(store, endpoint, name) for name in "ab"}
    now, written = 0.0, []
    for name, move in moves:
        now += 20.0 if move == "sleep" else 0.5
        current = store.leases.current(endpoint)
        try:
            table = holders[name].do(move, now)
        except StateError:
            continue
        if table is not None:
            assert current is not None
            assert (current.holder, current.epoch) == (name, table.epoch), "only the holder of the lease wrote"
            written.append(table)
    return written


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES)
def test_no_interleaving_regresses_or_duplicates(store: Store, moves: list[tuple[str, str]]) -> None:
    written = _play(store, uuid.uuid4().hex, moves)
    assert [table.generation for table in written] == list(range(1, len(written) + 1))
    assert [table.epoch for table in written] == sorted(table.epoch for table in written)
    assert store.audit.verify() is None


PROCESS = """
import sys, time
from mlconfig.errors import StateError
from mlconfig.lifecycle import Store
from mlconfig.records.route import RouteVersion
from mlconfig.records.verdict import GateVerdict
uri, name, target = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = Store.open(uri)
sha = name.encode().hex().ljust(64, "0")
store.gates.record(GateVerdict(artifact_sha256=sha, passed=True), now=0.0)
store.audit.note("ready", "racers", name, now=0.0)
until = time.time() + 20
while len(store.audit.events("racers")) < 3 and time.time() < until:
    pass  # all three start together, or little would be shown
lease, wrote, refused, number = None, 0, 0, 0
while True:
    table = store.routes.current("churn")
    generation = 0 if table is None else table.generation
    if generation >= target:
        break
    number += 1
    champion = RouteVersion(version=f"{name}-{number}", artifact_sha256=sha, folder="f")
    try:
        if lease is None or number % 3 == 0:
            # a lease of no length at all: the others take it at once, and this one goes on writing as if it held it
            lease = store.leases.acquire("churn", name, time.time(), ttl=0.0) or lease
        if lease is None:
            continue
        store.routes.promote("churn", champion, expected_generation=generation, reason="", now=time.time(), lease=lease)
        wrote += 1
    except StateError as error:
        assert "lost the lease" in str(error) or "is at generation" in str(error) or "lost to another" in str(error), error
        refused += 1
print(wrote, refused)
"""


def test_processes_that_race_write_each_generation_once(uri: str, tmp_path: Path) -> None:
    target = 24
    racers = [
        subprocess.Popen([sys.executable, "-c", PROCESS, uri, name, str(target)], stdout=subprocess.PIPE, text=True)
        for name in ("p", "q", "r")
    ]
    told = [racer.communicate(timeout=30)[0].split() for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    with Store.open(uri) as store:
        history = store.routes.history("churn")[::-1]
        assert [table.generation for table in history] == list(range(1, len(history) + 1))
        assert len(history) == sum(int(wrote) for wrote, _ in told)
        assert [table.epoch for table in history] == sorted(table.epoch for table in history)
        assert store.audit.verify() is None
        assert len(store.audit.events("churn")) == len(history)
