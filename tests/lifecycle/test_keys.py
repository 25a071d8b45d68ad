"""Keys of an endpoint: two live ones a client, generations that only grow, and a trail that holds no secret."""

import threading

import pytest

from mlconfig.errors import StateError
from mlconfig.lifecycle import Store
from mlconfig.lifecycle.keys import KeyReader
from mlconfig.records.key_table import KeyRow

ENDPOINT = "churn"


def row(number: int, client: str = "shop", created_at: float = 10.0, expires: float | None = None) -> KeyRow:
    return KeyRow(
        id=f"key{number:07d}",
        client=client,
        scopes=("predict",),
        digest="ab" * 32,
        created_at=created_at,
        expires=expires,
    )


def test_a_key_is_kept_told_and_revoked(store: Store) -> None:
    assert store.keys.table(ENDPOINT).model_dump() == {
        "schema_version": 1, "endpoint": ENDPOINT, "generation": 0, "keys": (),
    }  # fmt: skip
    store.keys.add(ENDPOINT, row(1), "ada")
    store.keys.add("other", row(2), "ada")
    assert store.keys.table(ENDPOINT).keys == (row(1),)
    assert store.keys.table(ENDPOINT).generation == 1
    before = store.keys.revoke(ENDPOINT, "key0000001", 20.0, "bob")
    assert (before.revoked_at, before.client) == (None, "shop")
    assert (store.keys.table(ENDPOINT).keys, store.keys.table(ENDPOINT).generation) == ((), 2)
    assert store.keys.revoke(ENDPOINT, "key0000001", 30.0, "bob").revoked_at == 20.0
    assert store.keys.table(ENDPOINT).generation == 2
    (kept,) = store.keys.all(ENDPOINT)
    assert (kept.state(25.0), kept.revoked_at) == ("revoked", 20.0)


def test_a_client_has_two_live_keys(store: Store) -> None:
    store.keys.add(ENDPOINT, row(1, expires=100.0), "ada")
    store.keys.add(ENDPOINT, row(2), "ada")
    store.keys.add(ENDPOINT, row(3, client="other"), "ada")
    with pytest.raises(StateError, match="`shop` has 2 live keys: key0000001, key0000002"):
        store.keys.add(ENDPOINT, row(4), "ada")
    assert len(store.keys.all(ENDPOINT)) == 3
    store.keys.add("elsewhere", row(5), "ada")
    store.keys.add(ENDPOINT, row(6, created_at=100.0), "ada")  # the first has expired
    store.keys.revoke(ENDPOINT, "key0000002", 110.0, "ada")
    store.keys.add(ENDPOINT, row(7, created_at=120.0), "ada")
    assert [key.state(120.0) for key in store.keys.all(ENDPOINT) if key.client == "shop"] == [
        "expired", "revoked", "live", "live",
    ]  # fmt: skip


def test_two_who_make_one_at_once_do_not_make_three(store: Store) -> None:
    store.keys.add(ENDPOINT, row(0), "ada")
    refused = []

    def add(number: int) -> None:
        try:
            store.keys.add(ENDPOINT, row(number), "ada")
        except StateError as error:
            refused.append(error)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.keys.all(ENDPOINT)) == 2
    assert len(refused) == 5
    assert store.audit.verify() is None


def test_an_unknown_key_is_told_with_its_neighbour(store: Store) -> None:
    store.keys.add(ENDPOINT, row(1), "ada")
    with pytest.raises(StateError, match="did you mean `key0000001`"):
        store.keys.revoke(ENDPOINT, "key0000002", 20.0, "ada")
    with pytest.raises(StateError, match="there is no key `key0000001`"):
        store.keys.revoke("other", "key0000001", 20.0, "ada")


def test_the_trail_tells_who_and_no_digest(store: Store) -> None:
    store.keys.add(ENDPOINT, row(1, expires=99.0), "ada")
    store.keys.revoke(ENDPOINT, "key0000001", 20.0, "bob")
    made, revoked = store.audit.events(ENDPOINT)
    assert (made.kind, made.after, made.reason) == (
        "key", "live", "key key0000001 for `shop`, scopes predict, until 99; by ada",
    )  # fmt: skip
    assert (revoked.before, revoked.after, revoked.reason) == ("live", "revoked", "key key0000001 of `shop`; by bob")
    assert not any("ab" * 32 in str(event) for event in (made, revoked))
    assert store.audit.verify() is None


def test_a_replica_reads_what_was_written(uri: str, store: Store) -> None:
    reader = KeyReader(uri)
    assert reader.current(ENDPOINT).generation == 0
    store.keys.add(ENDPOINT, row(1), "ada")
    assert reader.current(ENDPOINT) == store.keys.table(ENDPOINT)
    reader.close()
