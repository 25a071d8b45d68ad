"""The trail: change, drop or move one row, and it is named."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, update

from mlconfig.lifecycle import Store, tables


@pytest.fixture
def noted(store: Store) -> Store:
    for number in range(1, 7):
        store.audit.note("note", "churn", f"reason {number}", now=number / 3)
    assert store.audit.verify() is None
    return store


@pytest.mark.parametrize("field", ["reason", "subject", "kind", "before", "after", "at", "epoch", "prev_hash"])
def test_a_changed_field_names_its_row(noted: Store, field: str) -> None:
    value = 7 if field in ("at", "epoch") else "x" * 64 if field == "prev_hash" else "forged"
    with noted.database.write() as connection:
        connection.execute(update(tables.event).where(tables.event.c.seq == 4).values({field: value}))
    broken = noted.audit.verify()
    assert broken is not None
    assert (broken.seq, broken.what) == (4, "event 4 was changed")


@pytest.mark.parametrize(("dropped", "what"), [(3, "event 3 is missing"), (1, "event 1 is missing"),
                                               (6, "the trail ends at 5, its head says 6")])  # fmt: skip
def test_a_dropped_row_is_named(noted: Store, dropped: int, what: str) -> None:
    with noted.database.write() as connection:
        connection.execute(delete(tables.event).where(tables.event.c.seq == dropped))
    broken = noted.audit.verify()
    assert broken is not None
    assert (broken.seq, broken.what) == (dropped, what)


def test_rows_that_changed_places_are_named(noted: Store) -> None:
    with noted.database.write() as connection:
        for before, after in ((2, 100), (3, 2), (100, 3)):
            connection.execute(update(tables.event).where(tables.event.c.seq == before).values(seq=after))
    broken = noted.audit.verify()
    assert broken is not None
    assert broken.seq == 2


def test_an_empty_trail_holds_and_the_head_moves(store: Store) -> None:
    assert store.audit.verify() is None
    before = store.audit.head()
    store.audit.note("note", "churn", "hello", now=1.0)
    assert store.audit.head() != before
    assert store.audit.head() == store.audit.events()[-1].hash
