"""Effects: what a transition intends outside the database, done at least once and looked up before it is done again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import RowMapping, select, update

from mlconfig.errors import StateError
from mlconfig.lifecycle import tables
from mlconfig.lifecycle.database import Database
from mlconfig.lifecycle.lease import Lease, check
from mlconfig.vocabulary import Frozen, canonical

Result = dict[str, Any]


class Effect(Frozen):
    """An intended effect; ``result`` is what it made, once it is done."""

    key: str
    rollout: str
    action: str
    attempts: int
    done: bool
    result: Result | None
    intended_at: float
    done_at: float | None


def _effect(row: RowMapping) -> Effect:
    result = None if row["result"] is None else json.loads(row["result"])
    return Effect(**{**row, "result": result})


class Effects:
    """Look effects up, count their attempts, and mark them done."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, key: str) -> Effect | None:
        """The effect of that key."""
        with self._database.read() as connection:
            row = connection.execute(select(tables.effect).where(tables.effect.c.key == key)).mappings().one_or_none()
        return None if row is None else _effect(row)

    def pending(self, rollout: str) -> list[Effect]:
        """Those of a rollout that are not done, in the order they were intended."""
        table = tables.effect
        query = select(table).where(table.c.rollout == rollout, table.c.done.is_(False)).order_by(table.c.intended_at)
        with self._database.read() as connection:
            return [_effect(row) for row in connection.execute(query).mappings()]

    def attempt(self, key: str, lease: Lease) -> int:
        """Count one more attempt; how many there were, this one included."""
        table = tables.effect
        with self._database.write() as connection:
            check(connection, lease)
            connection.execute(update(table).where(table.c.key == key).values(attempts=table.c.attempts + 1))
            found = connection.execute(select(table.c.attempts).where(table.c.key == key)).scalar()
        if found is None:
            raise StateError(f"no transition intended the effect `{key}`")
        return int(found)

    def finish(self, key: str, result: Result, now: float, lease: Lease) -> Result:
        """Mark it done. The first result stands: what a second, late one says is not kept."""
        table = tables.effect
        with self._database.write() as connection:
            check(connection, lease)
            values = {"done": True, "result": canonical(result), "done_at": now}
            connection.execute(update(table).where(table.c.key == key, table.c.done.is_(False)).values(**values))
            kept = connection.execute(select(table.c.result).where(table.c.key == key)).scalar()
        if kept is None:
            raise StateError(f"no transition intended the effect `{key}`")
        return dict(json.loads(kept))

    def carry_out(
        self, key: str, look_up: Callable[[], Result | None], create: Callable[[], Result], now: float, lease: Lease
    ) -> Result:
        """Its result: the kept one; else what ``look_up`` finds from an earlier, interrupted attempt; else a new one."""
        known = self.find(key)
        if known is not None and known.done and known.result is not None:
            return known.result
        self.attempt(key, lease)
        found = look_up()
        return self.finish(key, create() if found is None else found, now, lease)
