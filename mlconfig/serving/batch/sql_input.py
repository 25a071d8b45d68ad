"""Rows of a database: read once, in order, and handed to whoever scores as files of Arrow.

With a key, reading goes on by it (``WHERE key > … ORDER BY key LIMIT …``), so that a stopped run goes on. Without one, a cursor
on the server is read to its end, and a stopped run begins anew: nothing says that rows would come in the same order again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, column, func, literal, select, table
from sqlalchemy import text as sql_text

from mlconfig.errors import DataError
from mlconfig.records.signature import Signature
from mlconfig.serving.batch.columns import Columns, check_names
from mlconfig.serving.batch.places import SqlPlace
from mlconfig.serving.batch.sql_database import engine_of, told, verbatim
from mlconfig.serving.batch.sql_types import arrow_types, table_of
from mlconfig.serving.batch.unit import BLOCK_ROWS, Done, Unit

CHUNK_ROWS = 65_536
_PROBED = 10_000


@dataclass(frozen=True)
class SpooledUnit:
    """Rows of a database in a file, which goes when they are scored. ``first``: the row of the result it begins with."""

    index: int
    file: str
    name: str
    first: int
    mark: Any = None

    def blocks(self, columns: Columns) -> Iterator[pa.Table]:
        """Its rows."""
        with pa.memory_map(self.file) as mapped:
            rows = pa.ipc.open_stream(mapped).read_all().select(list(columns.read))
        for start in range(0, rows.num_rows, BLOCK_ROWS):
            yield rows.slice(start, BLOCK_ROWS)
        Path(self.file).unlink()

    def row(self, offset: int) -> str:
        """The place and the row of the result."""
        return f"{self.name}, row {self.first + offset + 1}"


class SqlInput:
    """A table or a query. Nothing is changed there: the transaction is read-only.

    Raises:
        DataError: nobody answers, the query is refused, or the key is no column, not unique, or null somewhere.
    """

    def __init__(self, place: SqlPlace, key: str, signature: Signature) -> None:
        if not (place.table or place.query):
            raise DataError("no table is named", str(place), "write …#table, or give --query")
        self.place, self.key, self.signature, self.name = place, key, signature, str(place)
        self._engine = engine_of(place, write=False)
        with told(place), self._connect() as connection:
            self.schema = self._probe(connection)
            self._check_key(connection)

    def _connect(self) -> Connection:
        connection = self._engine.connect()
        return (
            connection.execution_options(postgresql_readonly=True) if self._engine.name == "postgresql" else connection
        )

    def _from(self) -> Any:
        if self.place.query:
            return sql_text(f"({verbatim(self.place.query).text}\n) AS rows_of_batch")
        schema, _, name = self.place.table.rpartition(".")
        return table(name, schema=schema or None)

    def _select(self) -> Any:
        return select(sql_text("*")).select_from(self._from())

    def _probe(self, connection: Connection) -> pa.Schema:
        result = connection.execute(self._select().limit(_PROBED))
        names = list(result.keys())
        check_names(names, self.name)
        assert result.cursor is not None
        description = list(result.cursor.description)
        kinds = {each.name: each for each in self.signature.features}
        fields = []
        for name, found in zip(names, arrow_types(description, result.fetchall()), strict=True):
            numeric = name in kinds and kinds[name].kind == "numeric"
            kind = pa.string() if found is None else found
            if numeric and (found is None or not pa.types.is_string(kind)):
                kind = pa.int64() if kinds[name].integer and pa.types.is_integer(kind) else pa.float64()
            fields.append(pa.field(name, kind))
        return pa.schema(fields)

    def _check_key(self, connection: Connection) -> None:
        if not self.key:
            return
        if self.key not in self.schema.names:
            raise DataError(f"`{self.key}` is no column", self.name, f"there are {', '.join(self.schema.names)}")
        nulls = select(func.count()).select_from(self._from()).where(column(self.key).is_(None))
        if connection.execute(nulls).scalar():
            raise DataError(f"the key `{self.key}` is null in some rows", self.name, "use another, or none")

    def identity(self) -> dict[str, Any]:
        """The place and the key. Whether rows have changed is not known."""
        return {"database": self.name, "query": self.place.query, "key": self.key, "unit": [CHUNK_ROWS, BLOCK_ROWS]}

    def rows(self) -> int | None:
        """A table is counted; a query would have to be carried out twice."""
        if self.place.query:
            return None
        with told(self.place), self._connect() as connection:
            return int(connection.execute(select(func.count()).select_from(self._from())).scalar() or 0)

    def units(self, done: dict[int, Done], spool: Path) -> Iterator[Unit]:
        """What follows the parts that are done without a gap; those behind it are taken out of ``done``."""
        whole = next(number for number in count() if number not in done) if self.key else 0
        for index in [index for index in done if index >= whole]:
            del done[index]
        last = done[whole - 1].mark if whole else None
        return self._spooled(whole, sum(each.rows for each in done.values()), last, spool)

    def _spooled(self, index: int, first: int, last: Any, spool: Path) -> Iterator[Unit]:
        chunks = self._by_key(last) if self.key else self._by_cursor()
        for number, rows in enumerate(chunks, index):
            given = table_of(rows, self.schema, self.name)
            file = spool / f".rows-{number:05d}"
            with pa.OSFile(str(file), "wb") as out, pa.ipc.new_stream(out, self.schema) as stream:
                stream.write_table(given)
            mark = _plain(rows[-1][self.schema.names.index(self.key)]) if self.key else None
            yield SpooledUnit(number, str(file), self.name, first, mark)
            first += len(rows)

    def _by_cursor(self) -> Iterator[Sequence[Sequence[Any]]]:
        with told(self.place), self._connect() as connection:
            streamed = connection.execution_options(stream_results=True, yield_per=CHUNK_ROWS)
            yield from streamed.execute(self._select()).partitions()

    def _by_key(self, last: Any) -> Iterator[Sequence[Sequence[Any]]]:
        place = self.schema.names.index(self.key)
        ordered = self._select().order_by(column(self.key)).limit(CHUNK_ROWS + 1)
        while True:
            after = ordered if last is None else ordered.where(column(self.key) > literal(_bound(last)))
            with told(self.place), self._connect() as connection:
                rows = connection.execute(after).fetchall()
            if any(one[place] == other[place] for one, other in pairwise(rows)):
                raise DataError(f"the key `{self.key}` is not unique", self.name, "use another, or none")
            if rows:
                yield rows[:CHUNK_ROWS]
            if len(rows) <= CHUNK_ROWS:
                return
            last = _plain(rows[CHUNK_ROWS - 1][place])

    def close(self) -> None:
        """Let the connections go."""
        self._engine.dispose()


def _plain(value: Any) -> Any:
    """A key as JSON, with its type where JSON has none."""
    if isinstance(value, dt.datetime):
        return {"datetime": value.isoformat()}
    if isinstance(value, dt.date):
        return {"date": value.isoformat()}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    return value if isinstance(value, (int, float, str)) else str(value)


def _bound(mark: Any) -> Any:
    if not isinstance(mark, dict):
        return mark
    ((kind, text),) = mark.items()
    if kind == "decimal":
        return Decimal(text)
    return (dt.datetime if kind == "datetime" else dt.date).fromisoformat(text)
