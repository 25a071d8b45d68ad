"""Routes: the only commit point of a promotion is the row with the next generation.

Generations are only ever added, so the table of any earlier moment can be read, and a rollback is one more of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select

from mlconfig.errors import StateError
from mlconfig.lifecycle import audit, gates, tables
from mlconfig.lifecycle.database import Database
from mlconfig.lifecycle.lease import Lease, check
from mlconfig.lifecycle.reader import Reader
from mlconfig.records.route import Canary, RouteTable, RouteVersion


def _query(endpoint: str) -> Any:
    table = tables.route
    return select(table.c.table_json).where(table.c.endpoint == endpoint).order_by(table.c.generation.desc())


def current(connection: Connection, endpoint: str) -> RouteTable | None:
    """The newest generation, inside a transaction."""
    text = connection.execute(_query(endpoint).limit(1)).scalar()
    return None if text is None else RouteTable.model_validate_json(text)


def _history(connection: Connection, endpoint: str) -> list[RouteTable]:
    return [RouteTable.model_validate_json(text) for text in connection.execute(_query(endpoint)).scalars()]


class Routes:
    """Read an endpoint's route, and move it by generations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self, endpoint: str) -> RouteTable | None:
        """The newest generation; None before the first promotion."""
        with self._database.read() as connection:
            return current(connection, endpoint)

    def history(self, endpoint: str) -> list[RouteTable]:
        """All generations, newest first."""
        with self._database.read() as connection:
            return _history(connection, endpoint)

    def ever_live(self, endpoint: str) -> frozenset[str]:
        """Every version that was champion at some time."""
        return frozenset(table.champion.version for table in self.history(endpoint))

    def folders(self) -> frozenset[str]:
        """The folders of all versions that were champion of any endpoint at some time."""
        with self._database.read() as connection:
            texts = connection.execute(select(tables.route.c.table_json)).scalars()
            return frozenset(RouteTable.model_validate_json(text).champion.folder for text in texts)

    def promote(
        self, endpoint: str, champion: RouteVersion, *, expected_generation: int, reason: str, now: float, lease: Lease
    ) -> RouteTable:
        """Make a version champion: a compare-and-swap on the generation.

        Args:
            endpoint: whose route.
            champion: the version; its bytes must have passed the offline gate.
            expected_generation: the one that was read; 0 when there was none.
            reason: for the table and the audit trail.
            now: seconds since 1970.
            lease: the endpoint's, still held.

        Returns:
            the new table; or the current one, unchanged, when the version is champion already (a repeated attempt).

        Raises:
            StateError: lost lease, another generation than expected, or bytes without a passed gate.
        """
        with self._database.write() as connection:
            check(connection, lease, endpoint)
            before = current(connection, endpoint)
            if before is not None and before.champion == champion:
                return before
            found = 0 if before is None else before.generation
            if found != expected_generation:
                raise StateError(
                    f"the route of `{endpoint}` is at generation {found}, not {expected_generation}",
                    hint="another promotion or rollback came first; read the route and decide anew",
                )
            table = RouteTable(
                endpoint=endpoint, generation=found + 1, epoch=lease.epoch, champion=champion,
                previous=None if before is None else before.champion, created_at=now, reason=reason,
            )  # fmt: skip
            return _commit(connection, before, table)

    def beside(
        self,
        endpoint: str,
        *,
        canary: Canary | None = None,
        shadows: Sequence[RouteVersion] = (),
        expected_generation: int,
        reason: str,
        now: float,
        lease: Lease,
    ) -> RouteTable:
        """Have versions beside the champion: one generation more, by compare-and-swap. Without any it is the champion's alone.

        Args:
            endpoint: whose route.
            canary: answers a share, until it expires.
            shadows: get a copy; their answers are dropped.
            expected_generation: the one that was read.
            reason: for the table and the audit trail.
            now: seconds since 1970.
            lease: the endpoint's, still held.

        Raises:
            StateError: lost lease, no route, another generation than expected, or bytes without a passed gate.
        """
        with self._database.write() as connection:
            check(connection, lease, endpoint)
            before = current(connection, endpoint)
            if before is None or before.generation != expected_generation:
                found = "has no route" if before is None else f"is at generation {before.generation}"
                raise StateError(
                    f"`{endpoint}` {found}, not at {expected_generation}", hint="read the route and decide anew"
                )
            changed = {"canary": canary, "shadows": tuple(shadows), "created_at": now, "reason": reason}
            table = before.model_copy(update={**changed, "generation": before.generation + 1, "epoch": lease.epoch})
            return _commit(connection, before, table)

    def rollback(
        self, endpoint: str, *, reason: str, now: float, lease: Lease, away_from: str | None = None
    ) -> RouteTable:
        """One generation more, with the table from before the champion was promoted.

        Args:
            endpoint: whose route.
            reason: for the table and the audit trail.
            now: seconds since 1970.
            lease: the endpoint's, still held.
            away_from: the version to leave; the route stays when it is not champion any more (a repeated attempt).

        Raises:
            StateError: lost lease, or nothing to go back to.
        """
        with self._database.write() as connection:
            check(connection, lease, endpoint)
            history = _history(connection, endpoint)
            if not history:
                raise StateError(f"`{endpoint}` has no route", hint="deploy a version first")
            if away_from is not None and history[0].champion.version != away_from:
                return history[0]
            if history[0].previous is None:
                raise StateError(
                    f"`{endpoint}` has no version before `{history[0].champion.version}` to roll back to",
                    hint="`mlconfig destroy` takes the endpoint down",
                )
            old = _before(history)
            table = RouteTable(
                endpoint=endpoint, generation=history[0].generation + 1, epoch=lease.epoch, champion=old.champion,
                previous=old.previous, created_at=now, reason=reason,
            )  # fmt: skip
            return _commit(connection, history[0], table)


def _before(history: list[RouteTable]) -> RouteTable:
    """The newest table whose champion is what the current one calls previous."""
    return next(table for table in history[1:] if table.champion == history[0].previous)


def _commit(connection: Connection, before: RouteTable | None, table: RouteTable) -> RouteTable:
    if before is not None and before.epoch > table.epoch:
        raise StateError(
            f"the route of `{table.endpoint}` was written under epoch {before.epoch}, later than {table.epoch}"
        )
    for version in _answering(table):
        if not gates.passed(connection, version.artifact_sha256):
            raise StateError(
                f"version `{version.version}` of `{table.endpoint}` cannot go live: "
                f"its bytes ({version.artifact_sha256[:12]}) have no passed gate",
                hint="run the gates on exactly these bytes first",
            )
    row = {"endpoint": table.endpoint, "generation": table.generation, "epoch": table.epoch, "at": table.created_at}
    connection.execute(insert(tables.route).values(**row, table_json=table.model_dump_json()))
    audit.append(
        connection, at=table.created_at, kind="route", subject=table.endpoint, epoch=table.epoch, reason=table.reason,
        before="" if before is None else before.champion.version, after=table.champion.version,
    )  # fmt: skip
    return table


def _answering(table: RouteTable) -> tuple[RouteVersion, ...]:
    canary = () if table.canary is None else (table.canary.version,)
    return (table.champion, *canary, *table.shadows)


class RouteReader(Reader):
    """What a replica polls."""

    def current(self, endpoint: str) -> RouteTable | None:
        """The newest generation; None before the first promotion.

        Raises:
            StateError: the database cannot be reached, or is of a later version; keep the table you have.
        """
        with self._open().read() as connection:
            return current(connection, endpoint)

    def passed(self, artifact_sha256: str) -> bool:
        """Whether these bytes passed the offline gate: asked before they are loaded."""
        with self._open().read() as connection:
            return gates.passed(connection, artifact_sha256)
