"""The lease: who may move things, fenced by an epoch.

A lease elects; the epoch fences: every successful ``acquire`` raises it, every write checks it in its own transaction,
so a holder that slept past its time writes nothing more, however late it wakes.
"""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from mlconfig.errors import StateError
from mlconfig.lifecycle import tables
from mlconfig.lifecycle.database import Database
from mlconfig.vocabulary import Frozen

TTL = 15.0
"""Seconds that a lease holds without renewal; renew every 5 s, stop by yourself at 10 s."""


class Lease(Frozen):
    """A lease as it was given. ``name`` is the endpoint it guards, so that an endpoint's epochs are of one series.

    ``holder`` names one process's incarnation: two of them must not share it.
    """

    name: str
    holder: str
    epoch: int
    expires: float


class Leases:
    """Acquire, renew and release leases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, name: str, holder: str, now: float, ttl: float = TTL) -> Lease | None:
        """The lease with the next epoch; None while somebody else's has not expired."""
        table = tables.lease
        with self._database.write() as connection:
            row = connection.execute(select(table).where(table.c.name == name).with_for_update()).one_or_none()
            if row is None:
                taken = Lease(name=name, holder=holder, epoch=1, expires=now + ttl)
                connection.execute(insert(table).values(**taken.model_dump()))
                return taken
            if row.holder not in ("", holder) and row.expires > now:
                return None
            taken = Lease(name=name, holder=holder, epoch=row.epoch + 1, expires=now + ttl)
            connection.execute(update(table).where(table.c.name == name).values(**taken.model_dump()))
            return taken

    def renew(self, lease: Lease, now: float, ttl: float = TTL) -> Lease:
        """The same lease for longer, also after it expired, as long as nobody else took it."""
        with self._database.write() as connection:
            check(connection, lease)
            longer = lease.model_copy(update={"expires": max(lease.expires, now + ttl)})
            table = tables.lease
            connection.execute(update(table).where(table.c.name == lease.name).values(expires=longer.expires))
            return longer

    def release(self, lease: Lease) -> None:
        """Give it back at once; nothing happens when somebody else has it already."""
        table = tables.lease
        mine = (table.c.name == lease.name) & (table.c.holder == lease.holder) & (table.c.epoch == lease.epoch)
        with self._database.write() as connection:
            connection.execute(update(table).where(mine).values(holder="", expires=0.0))

    def current(self, name: str) -> Lease | None:
        """Who holds it, or held it last (an empty holder gave it back)."""
        with self._database.read() as connection:
            row = connection.execute(select(tables.lease).where(tables.lease.c.name == name)).mappings().one_or_none()
        return None if row is None else Lease(**row)


def check(connection: Connection, lease: Lease, endpoint: str | None = None) -> None:
    """Refuse a write under a lease that is no longer held, or not the endpoint's; locks it until the transaction ends."""
    if endpoint is not None and lease.name != endpoint:
        raise StateError(
            f"the lease of `{lease.name}` does not cover `{endpoint}`", hint="acquire the endpoint's own lease"
        )
    row = connection.execute(
        select(tables.lease.c.holder, tables.lease.c.epoch).where(tables.lease.c.name == lease.name).with_for_update()
    ).one_or_none()
    if row is None or (row.holder, row.epoch) != (lease.holder, lease.epoch):
        now_held = "nobody" if row is None or not row.holder else f"`{row.holder}` with epoch {row.epoch}"
        raise StateError(
            f"`{lease.holder}` lost the lease `{lease.name}` (epoch {lease.epoch}); {now_held} holds it now",
            hint="stop, acquire the lease again, and read the state before going on",
        )
