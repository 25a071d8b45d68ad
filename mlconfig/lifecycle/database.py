"""The lifecycle database: opened, made or checked, and its two kinds of transaction.

SQLite runs with a rollback journal and ``synchronous=EXTRA``, so that a committed transition survives a power cut (the
write-ahead log of SQLite before 3.51.3 can corrupt a file); every writing transaction begins ``IMMEDIATE``, so that two
writers wait for each other and never deadlock. PostgreSQL locks rows instead (``SELECT … FOR UPDATE``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from mlconfig.errors import StateError
from mlconfig.lifecycle import tables, upgrade

BUSY_TIMEOUT_MS = 20_000
READ = "mlconfig_read"
SCHEMA_LOCK = 0x6D6C6366  # any fixed number of ours: PostgreSQL's lock while tables are made


def state_uri(state: str, storage: Path, project: Path | None = None) -> str:
    """The database's URI for ``engine.state``: ``auto`` is ``lifecycle.db`` in the storage.

    A relative SQLite path is made absolute (relative to ``project``), because replicas run in other folders.
    """
    if state == "auto":
        return f"sqlite:///{storage.resolve() / 'lifecycle.db'}"
    if state.startswith("sqlite:///"):
        return f"sqlite:///{(project or Path()).resolve() / state.removeprefix('sqlite:///')}"
    return state


def _on_sqlite_connect(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    for pragma in ("journal_mode=DELETE", "synchronous=EXTRA", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _on_sqlite_begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get(READ, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _sqlite_engine(url: URL, create: bool) -> Engine:
    path = Path(url.database or "")
    if create:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"the folder cannot be made: {error.strerror}", str(path.parent)) from None
    mode = "rwc" if create else "rw"
    address = url.set(database=f"file:{path}", query={"mode": mode, "uri": "true"})
    engine = create_engine(address, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _on_sqlite_connect)
    event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _engine(url: URL, create: bool) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, create)
    if url.get_backend_name() == "postgresql":
        driver = url.set(drivername="postgresql+psycopg")
        return create_engine(driver, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    raise StateError(
        f"`{url.get_backend_name()}` cannot hold the lifecycle",
        "engine.state",
        "use sqlite:///path or postgresql://user@host/database",
    )


class Database:
    """One lifecycle database. ``write`` and ``read`` are short transactions; errors come as ``StateError``.

    Args:
        uri: as ``state_uri`` gives it; secrets are resolved already. Passwords are never shown in errors.
        create: make the file and the tables when there are none; a reader (a replica) makes nothing.
    """

    def __init__(self, uri: str, *, create: bool = True) -> None:
        self.url = make_url(uri)
        self.engine = _engine(self.url, create)

    @property
    def address(self) -> str:
        """Where it is, without its password."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def _transaction(self, **options: Any) -> Iterator[Connection]:
        try:
            with self.engine.connect().execution_options(**options) as connection, connection.begin():
                yield connection
        except IntegrityError as error:
            hint = "somebody else wrote the same row first; read the state again"
            raise StateError("a write was lost to another", self.address, hint) from error
        except DBAPIError as error:
            raise StateError(
                f"the lifecycle database failed: {_first_line(error)}", self.address, _hint(error)
            ) from error

    def write(self) -> AbstractContextManager[Connection]:
        """A writing transaction: all of it is kept, or none."""
        return self._transaction()

    def read(self) -> AbstractContextManager[Connection]:
        """A short reading transaction."""
        return self._transaction(**{READ: True})

    def prepare(self) -> None:
        """Make the tables that are missing, if it is of a version we know; any number of processes may call it at once."""
        with self.read() as connection:
            missing = upgrade.missing(connection)
        if missing and "meta" not in missing:
            self.check()
        if missing:
            with self.write() as connection:
                if self.url.get_backend_name() == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": SCHEMA_LOCK})
                upgrade.make(connection)
        self.check()

    def check(self) -> None:
        """Refuse a database of a later version."""
        with self.read() as connection:
            found = connection.execute(
                select(tables.meta.c.value).where(tables.meta.c.key == "schema_version")
            ).scalar()
        if found is None or int(found) > tables.SCHEMA_VERSION:
            raise StateError(
                f"the database has schema version {found}, and this mlconfig knows up to {tables.SCHEMA_VERSION}",
                self.address,
                "upgrade mlconfig (pip install -U mlconfig), or choose another engine.state",
            )

    def close(self) -> None:
        """Give its connections back."""
        self.engine.dispose()


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__


def _hint(error: DBAPIError) -> str:
    told = str(error.orig)
    if "locked" in told:
        return f"another process held it for {BUSY_TIMEOUT_MS // 1000} s; look for a stuck one"
    if "unable to open" in told or "no such table" in told:
        return "`mlconfig apply` makes it; check engine.state and that its folder can be written"
    return "check that engine.state is right and the server is reachable"
