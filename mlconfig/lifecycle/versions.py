"""Version cards: what each registered version is and came from."""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from mlconfig.lifecycle import tables
from mlconfig.lifecycle.database import Database
from mlconfig.records.version import VersionCard
from mlconfig.vocabulary import canonical


class Versions:
    """Keep cards by name and version."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, card: VersionCard) -> None:
        """Keep a card; the same version's newer card replaces it (metrics come after registration)."""
        table = tables.version
        key = {"name": card.name, "version": card.version}
        row = {"artifact_sha256": card.artifact_sha256, "run_key": card.run_key, "created_at": card.created_at}
        with self._database.write() as connection:
            connection.execute(delete(table).filter_by(**key))
            connection.execute(insert(table).values(**key, **row, card=canonical(card)))

    def get(self, name: str, version: str) -> VersionCard | None:
        """The card of one version."""
        return next((card for card in self.all(name) if card.version == version), None)

    def all(self, name: str) -> list[VersionCard]:
        """All versions of a model, newest first."""
        table = tables.version
        query = select(table.c.card).where(table.c.name == name).order_by(table.c.created_at.desc())
        with self._database.read() as connection:
            return [VersionCard.model_validate_json(text) for text in connection.execute(query).scalars()]

    def by_run_key(self, name: str, run_key: str) -> VersionCard | None:
        """The newest version that this run key made."""
        return next((card for card in self.all(name) if card.run_key == run_key), None)
