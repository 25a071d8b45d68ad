"""Opening, making and refusing a lifecycle database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text, update

from mlconfig.errors import StateError
from mlconfig.lifecycle import Database, Store, state_uri, tables


def test_auto_is_a_file_in_the_storage_and_relative_paths_become_absolute(tmp_path: Path) -> None:
    assert state_uri("auto", tmp_path / ".mlconfig") == f"sqlite:///{tmp_path}/.mlconfig/lifecycle.db"
    assert state_uri("sqlite:///own/state.db", tmp_path / "x", tmp_path) == f"sqlite:///{tmp_path}/own/state.db"
    assert state_uri("sqlite:////abs/state.db", tmp_path) == "sqlite:////abs/state.db"
    assert state_uri("postgresql://u@h/d", tmp_path) == "postgresql://u@h/d"


def test_sqlite_is_set_to_survive_a_power_cut(sqlite_uri: str) -> None:
    with Store.open(sqlite_uri) as store, store.database.read() as connection:
        settings = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in
                    ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")}  # fmt: skip
    assert settings == {"journal_mode": "delete", "synchronous": 3, "foreign_keys": 1, "busy_timeout": 20_000}


def test_opening_twice_keeps_what_is_there(uri: str) -> None:
    with Store.open(uri) as store:
        store.steps.record("k", "read", "read", {"rows": 3}, seconds=0.1, now=1.0)
    with Store.open(uri) as store:
        kept = store.steps.find("k")
    assert kept is not None
    assert kept.output == {"rows": 3}


def test_many_may_open_a_new_database_at_once(uri: str) -> None:
    def open_and_read(_: int) -> int:
        with Store.open(uri) as store:
            return len(store.steps.all())

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(open_and_read, range(6))) == [0] * 6


def test_a_later_schema_is_refused_with_advice(uri: str) -> None:
    with Store.open(uri) as store, store.database.write() as connection:
        connection.execute(update(tables.meta).where(tables.meta.c.key == "schema_version").values(value="99"))
    with pytest.raises(
        StateError, match=r"schema version 99, and this mlconfig knows up to 1\n  hint: upgrade mlconfig"
    ):
        Store.open(uri)


def test_a_reader_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(StateError, match="unable to open database file") as told:
        Database(f"sqlite:///{path}", create=False).check()
    assert "mlconfig apply" in str(told.value)
    assert not path.exists()


def test_a_foreign_database_is_refused() -> None:
    with pytest.raises(StateError, match="`mysql` cannot hold the lifecycle"):
        Database("mysql://u@h/d")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lifecycle.db").write_text("this is text, and a database is none of it\n" * 40)
    with pytest.raises(StateError, match="file is not a database"):
        Store.open(f"sqlite:///{tmp_path / 'lifecycle.db'}")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="the folder cannot be made: "):
        Store.open(f"sqlite:///{tmp_path / 'file' / 'lifecycle.db'}")


def test_an_error_never_shows_the_password() -> None:
    with pytest.raises(StateError) as told:
        Store.open("postgresql://someone:s3cr3t@127.0.0.1:1/none")
    assert "s3cr3t" not in str(told.value)
    assert "127.0.0.1:1" in str(told.value)


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def fail_halfway() -> None:
        with store.database.write() as connection:
            connection.execute(text("INSERT INTO meta (key, value) VALUES ('a', 'b')"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    with store.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM meta WHERE key = 'a'")).scalar() == 0
