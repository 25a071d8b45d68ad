"""Kept steps: what was carried out, by run key, so that applying twice does nothing the second time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select

from mlconfig.lifecycle import tables
from mlconfig.lifecycle.database import Database
from mlconfig.vocabulary import Frozen, canonical


class KeptStep(Frozen):
    """A step that was carried out. ``seconds``: how long it took; ``at``: when it ended."""

    run_key: str
    step: str
    kind: str
    output: dict[str, Any]
    seconds: float
    at: float


def _kept(row: RowMapping) -> KeptStep:
    return KeptStep(**{**row, "output": json.loads(row["output"])})


class Steps:
    """Look kept steps up, and keep new ones."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, run_key: str) -> KeptStep | None:
        """The step that was carried out under this run key."""
        with self._database.read() as connection:
            row = (
                connection.execute(select(tables.step).where(tables.step.c.run_key == run_key)).mappings().one_or_none()
            )
        return None if row is None else _kept(row)

    def record(
        self, run_key: str, step: str, kind: str, output: Mapping[str, Any], *, seconds: float, now: float
    ) -> KeptStep:
        """Keep a step; the newest output stands when the same run key was carried out twice."""
        kept = KeptStep(run_key=run_key, step=step, kind=kind, output=dict(output), seconds=seconds, at=now)
        with self._database.write() as connection:
            connection.execute(delete(tables.step).where(tables.step.c.run_key == run_key))
            values = kept.model_dump(exclude={"output"})
            connection.execute(insert(tables.step).values(**values, output=canonical(output)))
        return kept

    def forget(self, run_key: str) -> None:
        """Let the step be carried out again, because what it made is gone."""
        with self._database.write() as connection:
            connection.execute(delete(tables.step).where(tables.step.c.run_key == run_key))

    def all(self) -> list[KeptStep]:
        """Every kept step, newest first."""
        query = select(tables.step).order_by(tables.step.c.at.desc())
        with self._database.read() as connection:
            return [_kept(row) for row in connection.execute(query).mappings()]
