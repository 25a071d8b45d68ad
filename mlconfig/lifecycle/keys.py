"""Keys of endpoints: made, listed, revoked. What a key lets in is never kept, only its digest.

Rows are never taken out, so the trail names what there was, and the number of makings and revocations is a generation.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import Literal

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from mlconfig.errors import StateError
from mlconfig.lifecycle import audit, tables
from mlconfig.lifecycle.database import Database
from mlconfig.lifecycle.reader import Reader
from mlconfig.records.key_table import KeyRow, KeyTable
from mlconfig.vocabulary import canonical

MOST_LIVE = 2
"""Live keys of a client: one in use, and one that replaces it."""

_TABLE = tables.access_key


class KeptKey(KeyRow):
    """A key with its end: ``revoked_at`` in seconds since 1970, null while it was not revoked."""

    revoked_at: float | None = None

    def state(self, now: float) -> Literal["live", "expired", "revoked"]:
        """Whether it lets in, and why not."""
        return "revoked" if self.revoked_at is not None else "expired" if self.expired(now) else "live"


def _kept(row: RowMapping) -> KeptKey:
    return KeptKey.model_validate_json(row["json"]).model_copy(update={"revoked_at": row["revoked_at"]})


def _all(connection: Connection, endpoint: str) -> list[KeptKey]:
    query = select(_TABLE).where(_TABLE.c.endpoint == endpoint).order_by(_TABLE.c.created_at, _TABLE.c.id)
    return [_kept(row) for row in connection.execute(query).mappings()]


def table_of(connection: Connection, endpoint: str) -> KeyTable:
    """The keys that were not revoked, inside a transaction."""
    counts = select(func.count(), func.count(_TABLE.c.revoked_at)).where(_TABLE.c.endpoint == endpoint)
    made, revoked = connection.execute(counts).one()
    query = select(_TABLE.c.json).where(_TABLE.c.endpoint == endpoint, _TABLE.c.revoked_at.is_(None))
    texts = connection.execute(query.order_by(_TABLE.c.created_at, _TABLE.c.id)).scalars()
    keys = tuple(KeyRow.model_validate_json(text) for text in texts)
    return KeyTable(endpoint=endpoint, generation=made + revoked, keys=keys)


class Keys:
    """Make, list and revoke."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, endpoint: str, key: KeyRow, by: str) -> None:
        """Keep a new key.

        Args:
            endpoint: whose door it opens.
            key: as ``records.key_table.draw_key`` and the pepper make it.
            by: who made it, for the trail.

        Raises:
            StateError: the client has two live keys.
        """
        with self._database.write() as connection:
            until = "without end" if key.expires is None else f"until {key.expires:.0f}"
            reason = f"for `{key.client}`, scopes {', '.join(key.scopes)}, {until}; by {by}"
            _note(connection, endpoint, key, key.created_at, reason, after="live")  # its lock orders two who add
            others = [each for each in _all(connection, endpoint) if each.client == key.client]
            live = [each for each in others if each.state(key.created_at) == "live"]
            if len(live) >= MOST_LIVE:
                raise StateError(
                    f"`{key.client}` has {MOST_LIVE} live keys: {', '.join(each.id for each in live)}",
                    f"endpoint `{endpoint}`",
                    "revoke the one that is not used any more: mlconfig keys revoke RECIPE ID",
                )
            row = {"id": key.id, "endpoint": endpoint, "client": key.client, "created_at": key.created_at}
            connection.execute(insert(_TABLE).values(**row, revoked_at=None, json=canonical(key)))

    def revoke(self, endpoint: str, key_id: str, now: float, by: str) -> KeptKey:
        """Let a key in no more; one that was revoked already stays so. Returns it as it was before.

        Raises:
            StateError: there is no such key.
        """
        with self._database.write() as connection:
            keys = {key.id: key for key in _all(connection, endpoint)}
            if key_id not in keys:
                raise StateError(f"there is no key `{key_id}`", f"endpoint `{endpoint}`", _advice(key_id, keys))
            key = keys[key_id]
            if key.revoked_at is None:
                mine = (_TABLE.c.id == key_id, _TABLE.c.endpoint == endpoint)
                connection.execute(update(_TABLE).where(*mine).values(revoked_at=now))
                _note(connection, endpoint, key, now, f"of `{key.client}`; by {by}", before="live", after="revoked")
            return key

    def all(self, endpoint: str) -> list[KeptKey]:
        """All that there ever were, oldest first."""
        with self._database.read() as connection:
            return _all(connection, endpoint)

    def table(self, endpoint: str) -> KeyTable:
        """What replicas are told."""
        with self._database.read() as connection:
            return table_of(connection, endpoint)


def _advice(key_id: str, known: Collection[str]) -> str:
    close = get_close_matches(key_id, known, n=1)
    return f"did you mean `{close[0]}`?" if close else "`mlconfig keys list RECIPE` shows them"


def _note(connection: Connection, endpoint: str, key: KeyRow, now: float, reason: str, **how: str) -> None:
    audit.append(
        connection, at=now, kind="key", subject=endpoint, epoch=0, reason=f"key {key.id} {reason}", **how
    )  # fmt: skip


class KeyReader(Reader):
    """What a replica polls."""

    def current(self, endpoint: str) -> KeyTable:
        """The keys of an endpoint that were not revoked.

        Raises:
            StateError: the database cannot be reached, or is of a later version; keep the keys you have.
        """
        with self._open().read() as connection:
            return table_of(connection, endpoint)
