"""What was said of each rule last, so that an episode is said once, again when it gets worse or lasts, and once at its end.

Deciding and addressing is one transaction: an alert that was decided is in the outbox, and one that is not was not decided.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from mlconfig.lifecycle import outbox, tables
from mlconfig.lifecycle.database import Database
from mlconfig.records.verdict import Alert
from mlconfig.vocabulary import canonical

_WORSE = {"ok": 0, "unknown": 1, "suspect": 2, "alert": 3, "lasting": 4}

Recipients = Callable[[str], Sequence[str]]
"""The sinks of a rule, by name."""


class _Decided(NamedTuple):
    alert: Alert
    sinks: Sequence[str]
    is_news: bool


class Alerts:
    """Decide what is said, and read what is open."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def decide(self, alerts: Iterable[Alert], recipients: Recipients, repeat: float) -> tuple[Alert, ...]:
        """Put those of the alerts into the outbox that say something new, in their order; those are the answer.

        New is the begin of an episode, a worse state, a column that joins, its end, and what was last said ``repeat``
        seconds ago. A sink that an open episode was never addressed to is told of it too. An end goes to whom the episode was
        addressed, whatever the rule says by now. An episode is of an endpoint, a version and a rule, and gets its name here.
        """
        with self._database.write() as connection:
            decided = [_decide(connection, alert, recipients(alert.rule), repeat) for alert in alerts]
        return tuple(each.alert for each in decided if each is not None and each.is_news)

    def open(self, endpoint: str, version: str | None = None) -> list[Alert]:
        """What was said last of each episode that has not ended, oldest first; of one version where it is given."""
        table = tables.episode
        query = select(table.c.json).where(table.c.endpoint == endpoint, table.c.resolved.is_(False))
        if version is not None:
            query = query.where(table.c.version == version)
        with self._database.read() as connection:
            texts = connection.execute(query.order_by(table.c.at, table.c.rule)).scalars()
            return [Alert.model_validate_json(text) for text in texts]


def _decide(connection: Connection, alert: Alert, sinks: Sequence[str], repeat: float) -> _Decided | None:
    last = _last(connection, alert)
    going_on = last is not None and not last.resolved
    if last is not None and going_on:
        decided = _end(connection, alert, last) if alert.resolved else _go_on(connection, alert, last, sinks, repeat)
    elif alert.resolved:
        return None
    else:
        decided = _Decided(_named(alert, uuid.uuid4().hex[:16], repeated=False), sinks, is_news=True)
    if decided.is_news:
        _keep(connection, decided.alert)
    outbox.put(connection, decided.alert, decided.sinks)
    return decided


def _end(connection: Connection, alert: Alert, last: Alert) -> _Decided:
    since = alert.since if alert.since is not None else last.since
    ended = _named(alert, last.episode, repeated=False).model_copy(update={"since": since})
    return _Decided(ended, outbox.addressed(connection, last.episode), is_news=True)


def _go_on(connection: Connection, alert: Alert, last: Alert, sinks: Sequence[str], repeat: float) -> _Decided:
    told = {*last.about, *(finding.column for finding in last.findings if finding.column is not None)}
    is_worse = _WORSE[alert.state] > _WORSE[last.state] or bool(set(alert.about) - told)
    if is_worse or alert.at - last.at >= repeat:
        named = _named(alert, last.episode, repeated=not is_worse)
        return _Decided(named.model_copy(update={"about": tuple(sorted({*alert.about, *told}))}), sinks, is_news=True)
    known = outbox.addressed(connection, last.episode)
    return _Decided(
        last.model_copy(update={"at": alert.at}), [sink for sink in sinks if sink not in known], is_news=False
    )


def _named(alert: Alert, episode: str, *, repeated: bool) -> Alert:
    return alert.model_copy(update={"episode": episode, "repeated": repeated})


def _last(connection: Connection, alert: Alert) -> Alert | None:
    table = tables.episode
    key = {"endpoint": alert.endpoint, "version": alert.version, "rule": alert.rule}
    row = connection.execute(select(table.c.id, table.c.json).filter_by(**key).with_for_update()).one_or_none()
    return None if row is None else Alert.model_validate_json(row.json).model_copy(update={"episode": row.id})


def _keep(connection: Connection, alert: Alert) -> None:
    table = tables.episode
    key = {"endpoint": alert.endpoint, "version": alert.version, "rule": alert.rule}
    row = {"id": alert.episode, "resolved": alert.resolved, "json": canonical(alert), "at": alert.at}
    connection.execute(delete(table).filter_by(**key))
    connection.execute(insert(table).values(**key, **row))
