"""What is known of scheduled batches, over both databases."""

from __future__ import annotations

import pytest

from mlconfig.errors import StateError
from mlconfig.lifecycle import Store
from mlconfig.lifecycle.batches import lease_of
from mlconfig.records.verdict import Alert

HOUR = 3600.0
ALERT = Alert(
    recipe="churn", endpoint="churn", version="1", rule="batch nightly", signal="batch nightly", state="alert", what="x",
    at=5 * HOUR,
)  # fmt: skip


@pytest.fixture
def store(uri: str):
    with Store.open(uri) as opened:
        opened.batches.declare("churn", {"nightly": "0 * * * *"}, 0.0)
        yield opened


def lease(store: Store, now: float = 0.0, holder: str = "a"):
    taken = store.leases.acquire(lease_of("churn", "nightly"), holder, now)
    assert taken is not None
    return taken


def test_a_run_is_begun_and_ended_and_the_last_good_one_is_kept(store: Store) -> None:
    held = lease(store)
    assert store.batches.all("churn")["nightly"].due(HOUR - 1, "UTC") is None
    for hour, state in ((1, "done"), (3, "failed")):
        record = store.batches.all("churn")["nightly"]
        assert record.due(hour * HOUR + 60, "UTC") == hour * HOUR
        run = store.batches.begin("churn", "nightly", hour * HOUR, held, hour * HOUR + 60, "schedule")
        assert store.batches.all("churn")["nightly"].due(hour * HOUR + 61, "UTC") == hour * HOUR, (
            "cut off, it is still due"
        )
        store.batches.end(run.model_copy(update={"state": state, "ended": hour * HOUR + 90, "rows": 7}), held, ALERT)
    record = store.batches.all("churn")["nightly"]
    assert (record.last.due, record.good.due, record.failing_since) == (3 * HOUR, HOUR, 3 * HOUR + 60)
    assert record.next_time("UTC") == 4 * HOUR
    assert store.audit.verify() is None


def test_who_lost_the_lease_writes_nothing(store: Store) -> None:
    slept = lease(store)
    run = store.batches.begin("churn", "nightly", HOUR, slept, HOUR, "schedule")
    lease(store, now=HOUR + 60, holder="b")
    with pytest.raises(StateError, match="lost the lease"):
        store.batches.end(run.model_copy(update={"state": "done", "ended": HOUR + 61}), slept, ALERT)
    with pytest.raises(StateError, match="lost the lease"):
        store.batches.begin("churn", "nightly", 2 * HOUR, slept, 2 * HOUR, "schedule")
    assert store.batches.all("churn")["nightly"].last == run


def test_declaring_the_same_again_writes_nothing(store: Store) -> None:
    before = store.batches.all("churn")
    assert store.batches.declare("churn", {"nightly": "0 * * * *"}, 99.0) == before
    changed = store.batches.declare("churn", {"nightly": "5 * * * *", "other": "0 1 * * *"}, 99.0)
    assert {name: (record.cron, record.since) for name, record in changed.items()} == {
        "nightly": ("5 * * * *", 99.0),
        "other": ("0 1 * * *", 99.0),
    }
    assert store.batches.all("another") == {}


def test_at_rest_nothing_is_due(store: Store) -> None:
    held = lease(store)
    store.batches.begin("churn", "nightly", HOUR, held, HOUR, "schedule")
    store.batches.rest("churn", 2 * HOUR, "ended")
    record = store.batches.all("churn")["nightly"]
    assert (record.due(9 * HOUR, "UTC"), record.last.state, record.last.error) == (None, "failed", "ended")
