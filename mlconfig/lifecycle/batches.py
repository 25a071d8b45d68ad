"""Scheduled batches: since when each one's times count, how its last run went, and which was the last that succeeded.

One row a batch. A run holds the lease ``recipe/batch`` and writes under it, so of two that begin at once only one does. What
stands here as running while nobody holds that lease was cut off, and is still to be done.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Literal

from sqlalchemy import Connection, delete, insert, select

from mlconfig.lifecycle import audit, outbox, tables
from mlconfig.lifecycle.database import Database
from mlconfig.lifecycle.lease import Lease, check
from mlconfig.records.verdict import Alert
from mlconfig.vocabulary import Frozen, canonical, cron_after, cron_until

_TABLE = tables.batch


class BatchRun(Frozen):
    """One run. ``due`` is the time it was for; ``attempts`` counts those that were cut off, and this one."""

    state: Literal["running", "done", "failed"] = "running"
    by: Literal["schedule", "hand"] = "schedule"
    due: float
    began: float
    attempts: int = 1
    ended: float | None = None
    version: str | None = None
    rows: int | None = None
    resumed: int = 0
    error: str = ""


class BatchRecord(Frozen):
    """What is known of a batch. Times of ``cron`` after ``since`` are still to be done; without ``cron`` nobody schedules it.

    ``good`` is the last run that succeeded. ``failing_since`` is of failures that no success has ended yet, and ``episode`` of
    those that somebody was told of, ``told_at`` last.
    """

    schema_version: Literal[1] = 1
    recipe: str
    name: str
    cron: str = ""
    since: float = 0.0
    last: BatchRun | None = None
    good: BatchRun | None = None
    failing_since: float | None = None
    episode: str = ""
    told_at: float | None = None

    def due(self, now: float, zone: str) -> float | None:
        """The time to run for: that of a run that was cut off, else the last one that has come; null when there is none.

        Times that passed unseen count once, together.
        """
        if not self.cron:
            return None
        if self.last is not None and self.last.state == "running":
            return self.last.due
        if self.next_time(zone) > now:
            return None
        return cron_until(self.cron, now, zone).timestamp()

    def next_time(self, zone: str) -> float:
        """The first time that is still to be done; it may have passed."""
        return cron_after(self.cron, self.since, zone).timestamp()


def lease_of(recipe: str, name: str) -> str:
    """The lease that a run holds."""
    return f"{recipe}/{name}"


class Batches:
    """Read and write them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, recipe: str) -> dict[str, BatchRecord]:
        """Those of a recipe, by name."""
        query = select(_TABLE.c.json).where(_TABLE.c.recipe == recipe).order_by(_TABLE.c.name)
        with self._database.read() as connection:
            records = [BatchRecord.model_validate_json(text) for text in connection.execute(query).scalars()]
        return {record.name: record for record in records}

    def declare(self, recipe: str, crons: Mapping[str, str], now: float) -> dict[str, BatchRecord]:
        """Have exactly these; a new one, or one with other times, counts its times from now on. Writes only what differs."""
        known = self.all(recipe)
        if {name: record.cron for name, record in known.items()} == dict(crons):
            return known
        with self._database.write() as connection:
            for name in known.keys() - crons.keys():
                _delete(connection, recipe, name)
            for name, cron in crons.items():
                record = _get(connection, recipe, name)
                if record.cron != cron:
                    _keep(connection, record.model_copy(update={"cron": cron, "since": now}))
        return self.all(recipe)

    def begin(
        self, recipe: str, name: str, due: float, lease: Lease, now: float, by: Literal["schedule", "hand"]
    ) -> BatchRun:
        """A run begins; times up to ``due`` are done with it."""
        with self._database.write() as connection:
            check(connection, lease)
            before = _get(connection, recipe, name)
            cut_off = before.last is not None and before.last.state == "running" and before.last.due == due
            attempts = before.last.attempts + 1 if before.last is not None and cut_off else 1
            run = BatchRun(by=by, due=due, began=now, attempts=attempts)
            _keep(connection, before.model_copy(update={"last": run, "since": max(before.since, due)}))
        return run

    def end(self, run: BatchRun, lease: Lease, alert: Alert, sinks: Sequence[str] = (), repeat: float = 0.0) -> None:
        """A run ended, well or not.

        Args:
            run: as it ended.
            lease: of the batch.
            alert: what is said of a failure; what its end says is made out of it.
            sinks: whom a failure is told. Those that were told of one are told when the batch succeeds again.
            repeat: seconds after which a failure is told again while the next runs fail too.
        """
        assert run.ended is not None
        recipe, _, name = lease.name.partition("/")
        with self._database.write() as connection:
            check(connection, lease)
            before = _get(connection, recipe, name)
            _keep(connection, _after(connection, before, run, alert, sinks, repeat))
            reason = run.error or f"{run.rows} row(s) scored by version {run.version}"
            audit.append(
                connection, at=run.ended, kind="batch", subject=lease.name, epoch=lease.epoch, reason=reason,
                before="running", after=run.state,
            )  # fmt: skip

    def rest(self, recipe: str, now: float, why: str) -> None:
        """Nobody schedules a recipe's batches any more: what is missed from now on, or was cut off, is not done later."""
        with self._database.write() as connection:
            for name in connection.execute(select(_TABLE.c.name).where(_TABLE.c.recipe == recipe)).scalars().all():
                record = _get(connection, recipe, name)
                last = record.last
                if last is not None and last.state == "running":
                    last = last.model_copy(update={"state": "failed", "ended": now, "error": why})
                _keep(connection, record.model_copy(update={"cron": "", "last": last}))


def _after(
    connection: Connection, before: BatchRecord, run: BatchRun, alert: Alert, sinks: Sequence[str], repeat: float
) -> BatchRecord:
    """What is known after a run; who is to be told of it is addressed."""
    since = before.failing_since if before.failing_since is not None else run.began
    if run.state == "failed":
        after = before.model_copy(update={"last": run, "failing_since": since})
        if not sinks or (before.told_at is not None and alert.at - before.told_at < repeat):
            return after
        episode = before.episode or uuid.uuid4().hex[:16]
        named = {"episode": episode, "since": since, "repeated": bool(before.episode), "repeat_at": alert.at + repeat}
        outbox.put(connection, alert.model_copy(update=named), sinks)
        return after.model_copy(update={"episode": episode, "told_at": alert.at})
    if before.episode:
        ended = alert.model_copy(update={"episode": before.episode, "since": since, "resolved": True, "advice": ""})
        outbox.put(connection, ended, outbox.addressed(connection, before.episode))
    return before.model_copy(update={"last": run, "good": run, "failing_since": None, "episode": "", "told_at": None})


def _get(connection: Connection, recipe: str, name: str) -> BatchRecord:
    query = select(_TABLE.c.json).filter_by(recipe=recipe, name=name).with_for_update()
    text = connection.execute(query).scalar()
    return BatchRecord(recipe=recipe, name=name) if text is None else BatchRecord.model_validate_json(text)


def _delete(connection: Connection, recipe: str, name: str) -> None:
    connection.execute(delete(_TABLE).filter_by(recipe=recipe, name=name))


def _keep(connection: Connection, record: BatchRecord) -> None:
    _delete(connection, record.recipe, record.name)
    connection.execute(insert(_TABLE).values(recipe=record.recipe, name=record.name, json=canonical(record)))
