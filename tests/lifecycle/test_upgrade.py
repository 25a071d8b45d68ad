"""A database of an earlier mlconfig goes on working, with the tables that came since."""

from __future__ import annotations

from sqlalchemy import insert, select, text

from mlconfig.lifecycle import Database, Store, tables
from mlconfig.records.verdict import Alert
from mlconfig.vocabulary import canonical

CAME_LATER = ("outbox", "episode")


def said(sink: str, state="alert", *, resolved=False, signal="input_drift", at=1.0):
    alert = Alert(
        recipe="churn", endpoint="churn", version="1", signal=signal, state=state, resolved=resolved, what="x", at=at
    )
    key = {"endpoint": "churn", "version": "1", "signal": signal, "sink": sink}
    return {**key, "state": state, "resolved": resolved, "json": canonical(alert), "at": at}


def older(uri: str, *alerts: dict) -> None:
    """Make the database as it was made before there was an outbox."""
    with Store.open(uri) as store:
        store.steps.record("k", "read", "read", {"rows": 3}, seconds=0.1, now=1.0)
        with store.database.write() as connection:
            for name in CAME_LATER:
                connection.execute(text(f"DROP TABLE {name}"))
            for row in alerts:
                connection.execute(insert(tables.alert).values(**row))


def test_missing_tables_are_made_and_the_rest_is_kept(uri: str) -> None:
    older(uri)
    with Store.open(uri) as store:
        assert store.steps.find("k") is not None
        assert store.outbox.pending("churn") == []
        assert store.audit.verify() is None
    with Store.open(uri) as store:
        assert store.alerts.open("churn") == []


def test_who_was_told_of_an_alert_before_is_told_of_its_end(uri: str) -> None:
    older(
        uri, said("ops"), said("log", "lasting", at=2.0), said("log", signal="performance", resolved=True, state="ok")
    )
    with Store.open(uri) as store:
        (still,) = store.alerts.open("churn")
        assert (still.rule, still.signal, still.state) == ("input_drift", "input_drift", "lasting")
        end = still.model_copy(update={"resolved": True, "state": "ok", "at": 3.0})
        assert len(store.alerts.decide([end], lambda _: (), 86400.0)) == 1
        taken = [store.outbox.claim("churn", 3.0) for _ in range(3)]
        assert [letter and (letter.sink, letter.alert.resolved) for letter in taken] == [
            ("log", True),
            ("ops", True),
            None,
        ]
        with store.database.read() as connection:
            assert connection.execute(select(tables.alert)).all() == [], "taken over once"


def test_a_reader_does_not_need_the_new_tables(sqlite_uri: str) -> None:
    older(sqlite_uri)
    database = Database(sqlite_uri, create=False)
    database.check()
    with database.read() as connection:
        assert connection.execute(select(tables.step)).all() != []
    database.close()
