"""The outbox: alerts that were decided and wait for their sinks, one row for each alert and sink.

A row is written in the transaction that decides the alert, so nothing is said twice by decision and nothing is lost; it is
delivered at least once, since a process may die between a sink's yes and the mark of it. Rows of one rule and sink go in
their order. A row is claimed by moving its next attempt, so that two who deliver at once do not take the same. What a sink did
not take within a day is a dead letter: kept, shown, and sent again when a person revives it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, Select, and_, delete, exists, insert, select, update

from mlconfig.lifecycle import tables
from mlconfig.lifecycle.database import Database
from mlconfig.records.verdict import Alert
from mlconfig.vocabulary import Frozen, canonical

FIRST_WAIT_S = 10.0
LONGEST_WAIT_S = 3600.0
"""Before the second attempt, doubled before each next, and at most."""
GIVE_UP_S = 24 * 3600.0
"""What was not taken so long after it was put in, or revived, is a dead letter."""
CLAIM_S = 180.0
"""So long a claimed row is left to who claimed it: longer than a delivery waits for a sink."""

NEVER_TOLD = "the sink was never told of the alert that ended"

_TABLE = tables.outbox


class Letter(Frozen):
    """One alert for one sink. ``attempts`` counts those begun; ``error`` is what the last one failed with."""

    id: int
    endpoint: str
    rule: str
    episode: str
    sink: str
    alert: Alert
    state: Literal["pending", "sent", "dead"]
    attempts: int
    next_at: float
    put_at: float
    error: str


def wait_after(attempts: int) -> float:
    """Seconds until the next attempt after so many failed."""
    return min(FIRST_WAIT_S * 2.0 ** min(attempts - 1, 32), LONGEST_WAIT_S)


def put(connection: Connection, alert: Alert, sinks: Iterable[str]) -> None:
    """Address an alert to sinks, inside the transaction that decides it."""
    about = {"endpoint": alert.endpoint, "rule": alert.rule, "episode": alert.episode, "json": canonical(alert)}
    fresh = {"resolved": alert.resolved, "state": "pending", "attempts": 0, "next_at": alert.at, "put_at": alert.at}
    for sink in sinks:
        connection.execute(insert(_TABLE).values(**about, **fresh, sink=sink, error=""))


def addressed(connection: Connection, episode: str) -> list[str]:
    """The sinks that an alert was addressed to."""
    query = select(_TABLE.c.sink).where(_TABLE.c.episode == episode, _TABLE.c.resolved.is_(False))
    return sorted(set(connection.execute(query).scalars()))


def _letter(row: RowMapping) -> Letter:
    fields = {name: row[name] for name in Letter.model_fields if name != "alert"}
    return Letter(**fields, alert=Alert.model_validate_json(row["json"]))


def _due(endpoint: str, now: float) -> Select[Any]:
    """Rows whose time has come and that have none of their rule and sink before them; those tried less often come first."""
    other = _TABLE.alias("other")
    before = exists().where(
        other.c.endpoint == _TABLE.c.endpoint, other.c.rule == _TABLE.c.rule, other.c.sink == _TABLE.c.sink,
        other.c.state == "pending", other.c.id < _TABLE.c.id,
    )  # fmt: skip
    mine = and_(_TABLE.c.endpoint == endpoint, _TABLE.c.state == "pending", _TABLE.c.next_at <= now)
    return select(_TABLE).where(mine, ~before).order_by(_TABLE.c.attempts, _TABLE.c.id)


class Outbox:
    """Claim, mark and list what is on its way."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_due(self, endpoint: str, now: float) -> bool:
        """Whether something could be sent."""
        with self._database.read() as connection:
            return connection.execute(_due(endpoint, now).limit(1)).first() is not None

    def claim(self, endpoint: str, now: float, busy: Collection[str] = ()) -> Letter | None:
        """The next letter to send; nobody else gets it for ``CLAIM_S`` seconds.

        Args:
            endpoint: whose.
            now: seconds since 1970.
            busy: sinks that are to get none now.
        """
        query = _due(endpoint, now).where(_TABLE.c.sink.not_in(busy)).limit(1).with_for_update(skip_locked=True)
        with self._database.write() as connection:
            while (row := connection.execute(query).mappings().first()) is not None:
                if row["resolved"] and not _was_told(connection, row):
                    self._set(connection, row["id"], state="dead", error=NEVER_TOLD)
                    continue
                taken = {"attempts": row["attempts"] + 1, "next_at": now + CLAIM_S}
                self._set(connection, row["id"], **taken)
                return _letter(row).model_copy(update=taken)
        return None

    def sent(self, letter: Letter) -> None:
        """The sink took it."""
        with self._database.write() as connection:
            self._set(connection, letter.id, state="sent", error="")

    def failed(self, letter: Letter, error: str, now: float) -> bool:
        """The sink did not take it: it is tried again later, or is a dead letter, which is the answer.

        The sink's other letters wait at least ``FIRST_WAIT_S`` too. Nothing happens when somebody else claimed it since.
        """
        with self._database.write() as connection:
            mine = and_(_TABLE.c.id == letter.id, _TABLE.c.state == "pending", _TABLE.c.attempts == letter.attempts)
            dead = now - letter.put_at >= GIVE_UP_S
            values = {
                "error": error,
                "state": "dead" if dead else "pending",
                "next_at": now + wait_after(letter.attempts),
            }
            if connection.execute(update(_TABLE).where(mine).values(**values)).rowcount == 0:
                return False
            same = and_(_TABLE.c.endpoint == letter.endpoint, _TABLE.c.sink == letter.sink, _TABLE.c.state == "pending")
            soon = now + FIRST_WAIT_S
            connection.execute(update(_TABLE).where(same, _TABLE.c.next_at < soon).values(next_at=soon))
            return dead

    def pending(self, endpoint: str) -> list[Letter]:
        """Those on their way, in order."""
        return self._all(endpoint, "pending")

    def dead(self, endpoint: str) -> list[Letter]:
        """Those that no attempt reached their sink with, in order."""
        return self._all(endpoint, "dead")

    def revive(self, endpoint: str, now: float, sink: str | None = None) -> int:
        """Send dead letters again, of one sink or of all, in their order; how many there are.

        The end of an alert whose sink is told only now is among them.
        """
        with self._database.write() as connection:
            dead = update(_TABLE).where(_TABLE.c.endpoint == endpoint, _TABLE.c.state == "dead")
            dead = dead if sink is None else dead.where(_TABLE.c.sink == sink)
            return connection.execute(dead.values(state="pending", attempts=0, next_at=now, put_at=now)).rowcount

    def hasten(self, endpoint: str, now: float) -> None:
        """Let nothing that failed wait for its next attempt; what is under way is left to who has it."""
        mine = and_(_TABLE.c.endpoint == endpoint, _TABLE.c.state == "pending", _TABLE.c.error != "")
        with self._database.write() as connection:
            connection.execute(update(_TABLE).where(mine).values(next_at=now))

    def prune(self, endpoint: str, before: float) -> int:
        """Drop what was sent before a moment, of alerts that have ended; how many there were."""
        holding = select(tables.episode.c.id).where(tables.episode.c.resolved.is_(False))
        old = and_(
            _TABLE.c.endpoint == endpoint,
            _TABLE.c.state == "sent",
            _TABLE.c.put_at < before,
            _TABLE.c.episode.not_in(holding),
        )
        with self._database.write() as connection:
            return connection.execute(delete(_TABLE).where(old)).rowcount

    def _all(self, endpoint: str, state: str) -> list[Letter]:
        query = select(_TABLE).where(_TABLE.c.endpoint == endpoint, _TABLE.c.state == state).order_by(_TABLE.c.id)
        with self._database.read() as connection:
            return [_letter(row) for row in connection.execute(query).mappings()]

    def _set(self, connection: Connection, letter: int, **values: Any) -> None:
        connection.execute(update(_TABLE).where(_TABLE.c.id == letter).values(**values))


def _was_told(connection: Connection, row: RowMapping) -> bool:
    told = and_(_TABLE.c.episode == row["episode"], _TABLE.c.sink == row["sink"], _TABLE.c.state == "sent")
    return (
        connection.execute(select(_TABLE.c.id).where(told, _TABLE.c.resolved.is_(False)).limit(1)).first() is not None
    )
