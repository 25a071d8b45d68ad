"""The audit trail: events, each hashed together with the one before, so that no row can be changed, dropped or moved.

The newest hash also stands in ``meta``, so that dropping the last rows is seen as well. Who can write the whole database
can forge the whole chain; publish ``head`` elsewhere to guard against that.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Connection, insert, select, update

from mlconfig.lifecycle import tables
from mlconfig.lifecycle.database import Database
from mlconfig.lifecycle.tables import AUDIT_HEAD, GENESIS
from mlconfig.vocabulary import Frozen, canonical


class Event(Frozen):
    """Something that happened to a rollout, a route or a gate; ``kind`` is transition, route, gate, or a note's own."""

    seq: int
    at: float
    kind: str
    subject: str
    before: str
    after: str
    epoch: int
    reason: str
    prev_hash: str
    hash: str


class Broken(Frozen):
    """Where the chain breaks: the event's number and what is wrong with it."""

    seq: int
    what: str


def _digest(fields: dict[str, Any]) -> str:
    return hashlib.sha256(
        canonical({key: value for key, value in fields.items() if key != "hash"}).encode()
    ).hexdigest()


def _head(connection: Connection) -> tuple[int, str]:
    query = select(tables.meta.c.value).where(tables.meta.c.key == AUDIT_HEAD).with_for_update()
    seq, _, newest = str(connection.execute(query).scalar_one()).partition(":")
    return int(seq), newest


def append(
    connection: Connection,
    *,
    at: float,
    kind: str,
    subject: str,
    epoch: int,
    reason: str,
    before: str = "",
    after: str = "",
) -> None:
    """Add an event inside the transaction of what it tells about."""
    last, prev_hash = _head(connection)
    fields = {"seq": last + 1, "at": float(at), "kind": kind, "subject": subject, "before": before, "after": after}
    fields |= {"epoch": epoch, "reason": reason, "prev_hash": prev_hash}
    fields["hash"] = _digest(fields)
    connection.execute(insert(tables.event).values(**fields))
    head = f"{last + 1}:{fields['hash']}"
    connection.execute(update(tables.meta).where(tables.meta.c.key == AUDIT_HEAD).values(value=head))


class Audit:
    """Read, extend and verify the trail."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, kind: str, subject: str, reason: str, now: float, epoch: int = 0) -> None:
        """An event of its own: a person's decision, an alias that was edited by hand."""
        with self._database.write() as connection:
            append(connection, at=now, kind=kind, subject=subject, epoch=epoch, reason=reason)

    def events(self, subject: str | None = None) -> list[Event]:
        """All events, or those of one rollout or endpoint, oldest first."""
        query = select(tables.event).order_by(tables.event.c.seq)
        if subject is not None:
            query = query.where(tables.event.c.subject == subject)
        with self._database.read() as connection:
            return [Event(**row) for row in connection.execute(query).mappings()]

    def last(self, kind: str, subject: str) -> Event | None:
        """The newest event of a kind about a subject; None when there is none."""
        table = tables.event
        query = (
            select(table).where(table.c.kind == kind, table.c.subject == subject).order_by(table.c.seq.desc()).limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else Event(**row)

    def head(self) -> str:
        """The newest hash."""
        with self._database.read() as connection:
            return _head(connection)[1]

    def verify(self) -> Broken | None:
        """The first event that breaks the chain; None when all of it holds."""
        with self._database.read() as connection:
            query = select(tables.event).order_by(tables.event.c.seq)
            rows = [dict(row) for row in connection.execute(query).mappings()]
            last, newest = _head(connection)
        prev_hash = GENESIS
        for number, row in enumerate(rows, start=1):
            fault = _fault(row, number, prev_hash)
            if fault is not None:
                return Broken(seq=number, what=fault)
            prev_hash = row["hash"]
        if (len(rows), prev_hash) != (last, newest):
            return Broken(seq=min(len(rows), last) + 1, what=f"the trail ends at {len(rows)}, its head says {last}")
        return None


def _fault(row: dict[str, Any], number: int, prev_hash: str) -> str | None:
    if row["seq"] != number:
        return f"event {number} is missing"
    if row["hash"] != _digest(row):
        return f"event {number} was changed"
    return None if row["prev_hash"] == prev_hash else f"event {number} does not follow the one before"
