"""Rollouts: one row for each candidate on its way to being live, moved by transitions of one transaction each."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from mlconfig.errors import StateError
from mlconfig.lifecycle import audit, tables
from mlconfig.lifecycle.database import Database
from mlconfig.lifecycle.lease import Lease, check
from mlconfig.lifecycle.states import ALLOWED, TERMINAL, State
from mlconfig.vocabulary import Frozen, canonical


class Changes(Frozen):
    """What a transition learns about its rollout; null leaves the column as it is."""

    version: str | None = None
    artifact_sha256: str | None = None
    folder: str | None = None
    stage: int | None = None


class Rollout(Frozen):
    """One candidate. ``request`` is what was asked for (why, which data); ``row_version`` counts its transitions.

    ``entered_at``: when it came into its state, durable, so that a restart neither skips nor restarts a bake.
    """

    id: str
    endpoint: str
    state: State
    stage: int
    reason: str
    plan_digest: str
    request: dict[str, Any]
    version: str | None
    artifact_sha256: str | None
    folder: str | None
    row_version: int
    epoch: int
    created_at: float
    entered_at: float


def _rollout(row: RowMapping) -> Rollout:
    return Rollout(**{**row, "state": State(row["state"]), "request": json.loads(row["request"])})


def effect_key(rollout: str, state: State, stage: int, action: str) -> str:
    """The one name of an effect: it happens once for a rollout in a state."""
    return f"{rollout}:{state}[{stage}]:{action}"


class Rollouts:
    """Request rollouts and move them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def request(
        self, endpoint: str, plan_digest: str, *, reason: str, now: float, lease: Lease,
        request: Mapping[str, Any] | None = None,
    ) -> Rollout:  # fmt: skip
        """A new rollout in REQUESTED; an open one of the same endpoint must end first."""
        rollout = Rollout(
            id=uuid.uuid4().hex[:16], endpoint=endpoint, state=State.REQUESTED, stage=0, reason=reason,
            plan_digest=plan_digest, request=dict(request or {}), version=None, artifact_sha256=None, folder=None,
            row_version=0, epoch=lease.epoch, created_at=now, entered_at=now,
        )  # fmt: skip
        with self._database.write() as connection:
            check(connection, lease, endpoint)
            _refuse_second(connection, endpoint)
            values = rollout.model_dump(exclude={"request", "state"})
            values |= {"request": canonical(rollout.request), "state": rollout.state.value}
            connection.execute(insert(tables.rollout).values(**values))
            after = State.REQUESTED.value
            audit.append(
                connection, at=now, kind="transition", subject=rollout.id, epoch=lease.epoch, reason=reason, after=after
            )
        return rollout

    def transition(
        self, rollout_id: str, row_version: int, to: State, *, reason: str, now: float, lease: Lease,
        effects: Collection[str] = (), changes: Changes | None = None,
    ) -> Rollout:  # fmt: skip
        """Move a rollout; the new row, its event and its intended effects are written together, or nothing is.

        Args:
            rollout_id: which one.
            row_version: as it was read; another writer in between makes this call fail.
            to: a state that ``states.ALLOWED`` has.
            reason: for the audit trail.
            now: seconds since 1970.
            lease: must still be held.
            effects: actions that the new state stands for; carried out afterwards (``effects.carry_out``).
            changes: what was learnt.

        Raises:
            StateError: the lease is lost, the row was moved by another, or there is no such way.
        """
        with self._database.write() as connection:
            before = _rollout(_row(connection, rollout_id))
            check(connection, lease, before.endpoint)
            _refuse(before, row_version, to, lease)
            learnt = changes.model_dump(exclude_none=True) if changes is not None else {}
            values = {
                "state": to.value,
                "row_version": row_version + 1,
                "epoch": lease.epoch,
                "entered_at": now,
                **learnt,
            }
            connection.execute(update(tables.rollout).where(tables.rollout.c.id == rollout_id).values(**values))
            audit.append(
                connection, at=now, kind="transition", subject=rollout_id, epoch=lease.epoch, reason=reason,
                before=before.state.value, after=to.value,
            )  # fmt: skip
            stage = int(values.get("stage", before.stage))
            for action in effects:
                key = effect_key(rollout_id, to, stage, action)
                row = {"key": key, "rollout": rollout_id, "action": action, "attempts": 0, "done": False}
                connection.execute(insert(tables.effect).values(**row, intended_at=now))
            return _rollout(_row(connection, rollout_id))

    def get(self, rollout_id: str) -> Rollout:
        """The rollout as it stands."""
        with self._database.read() as connection:
            return _rollout(_row(connection, rollout_id))

    def all(self, endpoint: str | None = None) -> list[Rollout]:
        """Every rollout, oldest first; of one endpoint when it is given."""
        query = select(tables.rollout).order_by(tables.rollout.c.created_at, tables.rollout.c.id)
        if endpoint is not None:
            query = query.where(tables.rollout.c.endpoint == endpoint)
        with self._database.read() as connection:
            return [_rollout(row) for row in connection.execute(query).mappings()]

    def open(self, endpoint: str) -> Rollout | None:
        """The one on its way: neither live nor ended."""
        ended = {*TERMINAL, State.LIVE}
        return next((rollout for rollout in self.all(endpoint) if rollout.state not in ended), None)

    def live(self, endpoint: str) -> list[Rollout]:
        """Those that are live; more than one only between a promotion and the retirement of the former."""
        return [rollout for rollout in self.all(endpoint) if rollout.state is State.LIVE]


def _row(connection: Connection, rollout_id: str) -> RowMapping:
    query = select(tables.rollout).where(tables.rollout.c.id == rollout_id).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise StateError(f"there is no rollout `{rollout_id}`", hint="`mlconfig status` lists them")
    return row


def _refuse(rollout: Rollout, row_version: int, to: State, lease: Lease) -> None:
    if rollout.row_version != row_version:
        raise StateError(
            f"rollout `{rollout.id}` moved on to {rollout.state} (row version {rollout.row_version}, not {row_version})",
            hint="read it again and decide anew",
        )
    if to not in ALLOWED[rollout.state]:
        ways = ", ".join(sorted(ALLOWED[rollout.state])) or "nowhere"
        raise StateError(f"rollout `{rollout.id}` cannot go from {rollout.state} to {to}", hint=f"it can go to {ways}")
    if rollout.epoch > lease.epoch:
        raise StateError(f"rollout `{rollout.id}` was written under epoch {rollout.epoch}, later than {lease.epoch}")


def _refuse_second(connection: Connection, endpoint: str) -> None:
    ended = [state.value for state in (*TERMINAL, State.LIVE)]
    query = select(tables.rollout.c.id, tables.rollout.c.state).where(
        tables.rollout.c.endpoint == endpoint, tables.rollout.c.state.not_in(ended)
    )
    other = connection.execute(query).first()
    if other is not None:
        raise StateError(
            f"rollout `{other.id}` of `{endpoint}` is still on its way ({other.state})",
            hint="wait for it, or end it, before the next one is requested",
        )
