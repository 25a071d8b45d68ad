"""The manifest of the prediction log: a segment's rows are in Parquet when, and only when, its id stands here."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import insert, select

from mlconfig.errors import StateError
from mlconfig.lifecycle import tables
from mlconfig.lifecycle.database import Database


class Manifest:
    """Which segments were compacted, and into which files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def has(self, segment: str) -> bool:
        """Whether the segment was compacted."""
        with self._database.read() as connection:
            query = select(tables.manifest.c.segment).where(tables.manifest.c.segment == segment)
            return connection.execute(query).scalar() is not None

    def add(self, segment: str, files: Sequence[str] = (), *, rows: int = 0, now: float = 0.0) -> bool:
        """Note a segment as compacted; False, and nothing changes, when it stands there already."""
        row = {"segment": segment, "files": json.dumps(list(files)), "rows": rows, "at": now}
        if self.has(segment):
            return False
        try:
            with self._database.write() as connection:
                connection.execute(insert(tables.manifest).values(**row))
        except StateError:
            if self.has(segment):
                return False
            raise
        return True

    def files(self) -> list[str]:
        """Every Parquet file that counts, in the order they were added."""
        query = select(tables.manifest.c.files).order_by(tables.manifest.c.at, tables.manifest.c.segment)
        with self._database.read() as connection:
            return [file for text in connection.execute(query).scalars() for file in json.loads(text)]
