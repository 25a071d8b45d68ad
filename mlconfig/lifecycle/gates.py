"""Gate rows: which bytes may serve. A replica and ``routes.promote`` both ask here, by sha256 and never by name."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection, delete, insert, select

from mlconfig.lifecycle import audit, tables
from mlconfig.lifecycle.database import Database
from mlconfig.records.verdict import GateVerdict
from mlconfig.vocabulary import canonical

Stage = Literal["offline", "canary"]


def passed(connection: Connection, artifact_sha256: str, stage: Stage = "offline") -> bool:
    """Whether these bytes passed that gate, inside a transaction."""
    table = tables.gate
    query = select(table.c.passed).where(table.c.artifact_sha256 == artifact_sha256, table.c.stage == stage)
    return bool(connection.execute(query).scalar())


class Gates:
    """Record and look up what the gates said."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, verdict: GateVerdict, now: float, stage: Stage = "offline") -> None:
        """Keep a verdict; a later one on the same bytes replaces it (the trail keeps both)."""
        table = tables.gate
        with self._database.write() as connection:
            same = (table.c.artifact_sha256 == verdict.artifact_sha256) & (table.c.stage == stage)
            connection.execute(delete(table).where(same))
            row = {"artifact_sha256": verdict.artifact_sha256, "stage": stage, "passed": verdict.passed}
            connection.execute(insert(table).values(**row, verdict=canonical(verdict), at=now))
            after = "passed" if verdict.passed else "refused"
            reason = ", ".join(result.gate for result in verdict.results if not result.passed) or stage
            audit.append(
                connection, at=now, kind="gate", subject=verdict.artifact_sha256, epoch=0, reason=reason, after=after
            )

    def find(self, artifact_sha256: str, stage: Stage = "offline") -> GateVerdict | None:
        """What that gate said about these bytes."""
        table = tables.gate
        query = select(table.c.verdict).where(table.c.artifact_sha256 == artifact_sha256, table.c.stage == stage)
        with self._database.read() as connection:
            text = connection.execute(query).scalar()
        return None if text is None else GateVerdict.model_validate_json(text)

    def passed(self, artifact_sha256: str, stage: Stage = "offline") -> bool:
        """Whether these bytes may serve."""
        with self._database.read() as connection:
            return passed(connection, artifact_sha256, stage)
