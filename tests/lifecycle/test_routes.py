"""The route: promotion by compare-and-swap, only of gated bytes; rollback as one more generation."""

from __future__ import annotations

import pickle

import pytest

from mlconfig.errors import StateError
from mlconfig.lifecycle import Lease, RouteReader, Store
from mlconfig.records.route import Canary, RouteVersion
from mlconfig.records.verdict import GateResult, GateVerdict

SHA = {version: version.encode().hex().ljust(64, "0") for version in "123"}


def _version(version: str) -> RouteVersion:
    return RouteVersion(version=version, artifact_sha256=SHA[version], folder=f"artifacts/{version}")


def _promote(store: Store, lease: Lease, version: str, expected: int):
    return store.routes.promote(
        "churn", _version(version), expected_generation=expected, reason="better", now=5.0, lease=lease
    )


def test_bytes_without_a_passed_gate_never_go_live(store: Store, lease: Lease) -> None:
    with pytest.raises(StateError, match=r"version `1` of `churn` cannot go live: its bytes \(31000000"):
        _promote(store, lease, "1", 0)
    refused = GateResult(gate="roc_auc", value=0.5, low=0.4, high=0.6, bound="min 0.8", passed=False)
    store.gates.record(GateVerdict(artifact_sha256=SHA["1"], passed=False, results=(refused,)), now=1.0)
    with pytest.raises(StateError, match="have no passed gate"):
        _promote(store, lease, "1", 0)
    store.gates.record(GateVerdict(artifact_sha256=SHA["1"], passed=True), now=1.0, stage="canary")
    with pytest.raises(StateError, match="have no passed gate"):
        _promote(store, lease, "1", 0)
    assert store.routes.current("churn") is None
    found = store.gates.find(SHA["1"])
    assert found is not None
    assert found.results == (refused,)
    assert [event.reason for event in store.audit.events(SHA["1"])] == ["roc_auc", "canary"]


def test_a_promotion_is_one_more_generation_and_keeps_the_former_champion(store: Store, lease: Lease, live) -> None:
    first, second = live("1"), live("2")
    assert (first.generation, first.previous) == (1, None)
    assert (second.generation, second.previous, second.epoch) == (2, _version("1"), lease.epoch)
    assert store.routes.current("churn") == second
    assert store.routes.history("churn") == [second, first]
    assert store.routes.ever_live("churn") == {"1", "2"}
    assert store.routes.current("other") is None


def test_a_promotion_over_another_one_is_refused(store: Store, lease: Lease, live) -> None:
    live("1")
    live("2")
    store.gates.record(GateVerdict(artifact_sha256=SHA["3"], passed=True), now=1.0)
    with pytest.raises(StateError, match="the route of `churn` is at generation 2, not 1"):
        _promote(store, lease, "3", 1)


def test_promoting_the_champion_again_changes_nothing(store: Store, lease: Lease, live) -> None:
    table = live("1")
    assert _promote(store, lease, "1", 0) == table
    assert len(store.routes.history("churn")) == 1


def test_a_lost_lease_promotes_nothing(store: Store, lease: Lease, live) -> None:
    live("1")
    store.gates.record(GateVerdict(artifact_sha256=SHA["2"], passed=True), now=1.0)
    store.leases.acquire("churn", "second", now=100.0)
    with pytest.raises(StateError, match="lost the lease"):
        _promote(store, lease, "2", 1)
    with pytest.raises(StateError, match="lost the lease"):
        store.routes.rollback("churn", reason="", now=6.0, lease=lease)


def test_rollback_walks_back_one_table_at_a_time(store: Store, lease: Lease, live) -> None:
    for version in "123":
        live(version)
    back = store.routes.rollback("churn", reason="alarm", now=6.0, lease=lease)
    assert (back.generation, back.champion, back.previous) == (4, _version("2"), _version("1"))
    further = store.routes.rollback("churn", reason="alarm", now=7.0, lease=lease)
    assert (further.generation, further.champion, further.previous) == (5, _version("1"), None)
    with pytest.raises(StateError, match="`churn` has no version before `1` to roll back to"):
        store.routes.rollback("churn", reason="alarm", now=8.0, lease=lease)


def test_a_repeated_rollback_away_from_a_version_goes_back_once(store: Store, lease: Lease, live) -> None:
    for version in "123":
        live(version)
    back = store.routes.rollback("churn", reason="alarm", now=6.0, lease=lease, away_from="3")
    assert store.routes.rollback("churn", reason="alarm", now=7.0, lease=lease, away_from="3") == back


def test_rollback_without_a_route_says_so(store: Store, lease: Lease) -> None:
    with pytest.raises(StateError, match="`churn` has no route"):
        store.routes.rollback("churn", reason="", now=1.0, lease=lease)


def test_a_reader_sees_what_was_committed_also_after_a_pickle(uri: str, store: Store, lease: Lease, live) -> None:
    reader = RouteReader(uri)
    assert reader.current("churn") is None
    table = live("1")
    assert reader.current("churn") == table
    travelled = pickle.loads(pickle.dumps(reader))
    assert travelled.current("churn") == table
    assert travelled.passed(SHA["1"])
    assert not travelled.passed(SHA["2"])
    reader.close()
    travelled.close()


def test_a_reader_of_nothing_says_what_to_do(tmp_path) -> None:
    with pytest.raises(StateError, match="unable to open database file"):
        RouteReader(f"sqlite:///{tmp_path / 'none.db'}").current("churn")


def test_versions_beside_the_champion_are_one_more_generation_each(store: Store, lease: Lease, live) -> None:
    live("1")
    live("2")
    canary = Canary(version=_version("1"), percent=10.0, expires=99.0)
    change = {"reason": "stage 1", "now": 7.0, "lease": lease}
    table = store.routes.beside("churn", canary=canary, shadows=[_version("1")], expected_generation=2, **change)
    assert (table.generation, table.champion.version, table.previous) == (3, "2", _version("1"))
    assert (table.canary, table.shadows) == (canary, (_version("1"),))
    with pytest.raises(StateError, match="`churn` is at generation 3, not at 2"):
        store.routes.beside("churn", expected_generation=2, **change)
    with pytest.raises(StateError, match="version `3` of `churn` cannot go live"):
        store.routes.beside("churn", shadows=[_version("3")], expected_generation=3, **change)
    other = store.leases.acquire("other", "me", 1.0, 60.0)
    with pytest.raises(StateError, match="has no route"):
        store.routes.beside("other", expected_generation=0, **{**change, "lease": other})
    alone = store.routes.beside("churn", expected_generation=3, **change)
    assert (alone.canary, alone.shadows, alone.champion.version) == (None, (), "2")
    assert store.audit.verify() is None
    back = store.routes.rollback("churn", reason="worse", now=8.0, lease=lease)
    assert (back.champion.version, back.canary) == ("1", None)
