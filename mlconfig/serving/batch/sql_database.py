"""The databases that a batch reads and writes: PostgreSQL and SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.sql.elements import TextClause

from mlconfig.errors import DataError
from mlconfig.serving.batch.places import SqlPlace


def engine_of(place: SqlPlace, *, write: bool) -> Engine:
    """The database of a place. A SQLite file is never made by reading.

    Raises:
        DataError: the address is none, there is no such file, or PostgreSQL's driver is not installed.
    """
    try:
        url = make_url(place.url)
    except ArgumentError:
        raise DataError(
            "this is no address of a database", hint="write postgresql://user@host/database#table"
        ) from None
    if url.get_backend_name() == "sqlite":
        return _sqlite(Path(url.database or ""), write=write)
    try:
        return create_engine(url.set(drivername="postgresql+psycopg"), connect_args={"connect_timeout": 10})
    except ModuleNotFoundError:
        raise DataError("PostgreSQL's driver is missing", str(place), "pip install 'mlconfig[postgres]'") from None


def _sqlite(path: Path, *, write: bool) -> Engine:
    if not (path.parent.is_dir() if write else path.is_file()):
        raise DataError("there is no such file or folder", f"sqlite:///{path}")
    mode = "rwc" if write else "ro"
    engine = create_engine(f"sqlite:///file:{path.absolute()}?mode={mode}&uri=true", connect_args={"timeout": 20})
    event.listen(engine, "connect", _begin_where_we_say)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _begin_where_we_say(connection: Any, _: object) -> None:
    """Python's driver would commit before it makes a table."""
    connection.isolation_level = None


@contextmanager
def told(place: SqlPlace) -> Iterator[None]:
    """The database's errors in its own words, and with the place."""
    try:
        yield
    except DBAPIError as error:
        raise DataError(f"the database refused: {str(error.orig).strip().splitlines()[0]}", str(place)) from None


def verbatim(sql: str) -> TextClause:
    """SQL of the user's, in which a colon is a colon."""
    return text(sql.strip().rstrip(";").replace(":", r"\:"))
