"""A result as a table: loaded under another name and renamed, all in one transaction."""

from __future__ import annotations

import hashlib
import io
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
from sqlalchemy import Column, Connection, MetaData, Table, inspect
from sqlalchemy.schema import CreateTable, DropTable

from mlconfig.errors import DataError
from mlconfig.serving.batch.columns import Columns
from mlconfig.serving.batch.inputs import FileInput
from mlconfig.serving.batch.outputs import tables_of
from mlconfig.serving.batch.parts import Parts
from mlconfig.serving.batch.places import SqlPlace
from mlconfig.serving.batch.sql_database import engine_of, told
from mlconfig.serving.batch.sql_types import sql_type


class SqlOutput:
    """A table. ``home``: the folder where parts wait until all are there, since no transaction shall last for hours."""

    form = "arrow"

    def __init__(self, place: SqlPlace, home: Path) -> None:
        if not place.table:
            raise DataError("no table is named", str(place), "write …#table")
        self.place = place
        self._schema, _, self._name = place.table.rpartition(".")
        digest = hashlib.sha256(str(place).encode()).hexdigest()[:12]
        self.parts = home / f".{self._name}-{digest}.parts"
        self._engine = engine_of(place, write=True)
        self._overwrite = False

    def check(self, *, overwrite: bool, files: FileInput | None) -> None:  # noqa: ARG002 - a table is no file
        """Somebody answers, and the table is not there, or may be replaced."""
        self._overwrite = overwrite
        with told(self.place), self._engine.connect() as connection:
            self._refuse_existing(connection)

    def _refuse_existing(self, connection: Connection) -> bool:
        there = inspect(connection).has_table(self._name, schema=self._schema or None)
        if there and not self._overwrite:
            raise DataError("the output exists", str(self.place), "--overwrite replaces it")
        return there

    def add(self, part: Path, columns: Columns) -> None:
        """Parts wait."""

    def finish(self, parts: Parts, columns: Columns, manifest: dict[str, Any]) -> None:  # noqa: ARG002 - a table has no room for it
        """Make the table, load all parts, rename it."""
        staging = self._table(f"mlconfig_{uuid.uuid4().hex[:12]}", columns)
        with told(self.place), self._engine.begin() as connection:
            connection.execute(CreateTable(staging))
            for index in sorted(parts.done):
                for rows in tables_of(parts.path(index)):
                    self._load(connection, staging, rows.cast(columns.output))
            if self._refuse_existing(connection):
                connection.execute(DropTable(Table(self._name, MetaData(), schema=self._schema or None)))
            old, new = (connection.dialect.identifier_preparer.quote(each) for each in (staging.name, self._name))
            whole = connection.dialect.identifier_preparer.format_table(staging)
            assert old in whole
            connection.exec_driver_sql(f"ALTER TABLE {whole} RENAME TO {new}")
        self._engine.dispose()
        parts.remove()

    def _table(self, name: str, columns: Columns) -> Table:
        typed = [Column(field.name, sql_type(field, str(self.place))) for field in columns.output]
        return Table(name, MetaData(), *typed, schema=self._schema or None)

    def _load(self, connection: Connection, staging: Table, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        if connection.dialect.name == "postgresql":
            _copy(connection, staging, rows)
            return
        columns = [_local(column).to_pylist() for column in rows.columns]
        named = [dict(zip(rows.column_names, row, strict=True)) for row in zip(*columns, strict=True)]
        connection.execute(staging.insert(), named)

    def abandon(self) -> None:
        """The transaction took back what was begun."""
        self._engine.dispose()


def _copy(connection: Connection, staging: Table, rows: pa.Table) -> None:
    """PostgreSQL's own way for many rows. Text is quoted and a null is not, which is how it tells them apart."""
    target = connection.dialect.identifier_preparer.format_table(staging)
    text = io.BytesIO()
    pc.write_csv(rows, text, pc.WriteOptions(include_header=False))
    cursor: Any = connection.connection.cursor()
    with cursor.copy(f"COPY {target} FROM STDIN (FORMAT csv)") as copy:
        copy.write(text.getbuffer())


def _local(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """SQLite keeps no time zone: moments are written in UTC."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", tz="UTC" if column.type.tz else None), safe=False)
    return column
