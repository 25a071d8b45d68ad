"""The lease elects, the epoch fences."""

from __future__ import annotations

import pytest

from mlconfig.errors import StateError
from mlconfig.lifecycle import Lease, Store


def test_one_holder_at_a_time_and_the_next_gets_a_higher_epoch(store: Store) -> None:
    first = store.leases.acquire("churn", "a", now=0.0)
    assert first == Lease(name="churn", holder="a", epoch=1, expires=15.0)
    assert store.leases.acquire("churn", "b", now=14.9) is None
    second = store.leases.acquire("churn", "b", now=15.0)
    assert second is not None
    assert (second.holder, second.epoch) == ("b", 2)


def test_renewal_holds_others_off(store: Store) -> None:
    lease = store.leases.acquire("churn", "a", now=0.0)
    assert lease is not None
    assert store.leases.renew(lease, now=10.0).expires == 25.0
    assert store.leases.acquire("churn", "b", now=20.0) is None


def test_an_expired_lease_that_nobody_took_can_be_renewed(store: Store) -> None:
    lease = store.leases.acquire("churn", "a", now=0.0)
    assert lease is not None
    assert store.leases.renew(lease, now=100.0).epoch == 1


def test_the_one_that_slept_is_told_who_has_it(store: Store) -> None:
    slept = store.leases.acquire("churn", "a", now=0.0)
    store.leases.acquire("churn", "b", now=20.0)
    assert slept is not None
    with pytest.raises(StateError, match=r"`a` lost the lease `churn` \(epoch 1\); `b` with epoch 2 holds it now"):
        store.leases.renew(slept, now=21.0)


def test_a_new_incarnation_fences_the_old_one_of_the_same_name(store: Store) -> None:
    old = store.leases.acquire("churn", "a", now=0.0)
    new = store.leases.acquire("churn", "a", now=1.0)
    assert old is not None
    assert new is not None
    assert new.epoch == 2
    with pytest.raises(StateError, match="lost the lease"):
        store.leases.renew(old, now=2.0)


def test_release_lets_the_next_one_in_at_once_and_a_late_release_does_nothing(store: Store) -> None:
    first = store.leases.acquire("churn", "a", now=0.0)
    assert first is not None
    store.leases.release(first)
    second = store.leases.acquire("churn", "b", now=0.1)
    assert second is not None
    store.leases.release(first)
    assert store.leases.current("churn") == second


def test_endpoints_have_leases_of_their_own(store: Store) -> None:
    assert store.leases.acquire("churn", "a", now=0.0) is not None
    assert store.leases.acquire("fraud", "b", now=0.0) is not None
    assert store.leases.current("other") is None
