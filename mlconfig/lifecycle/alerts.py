"""Which alerts were said to which sink, so that an episode is said once, again when it gets worse, and once at its end."""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from mlconfig.lifecycle import tables
from mlconfig.lifecycle.database import Database
from mlconfig.records.verdict import Alert
from mlconfig.vocabulary import canonical

_WORSE = {"ok": 0, "unknown": 1, "suspect": 2, "alert": 3, "lasting": 4}


class Alerts:
    """Ask before saying, mark after: a crash in between says it twice, never not at all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def said(self, alert: Alert, sink: str) -> Alert | None:
        """What that sink was last told about this version's signal."""
        key = {"endpoint": alert.endpoint, "version": alert.version, "signal": alert.signal, "sink": sink}
        with self._database.read() as connection:
            text = connection.execute(select(tables.alert.c.json).filter_by(**key)).scalar()
        return None if text is None else Alert.model_validate_json(text)

    def is_due(self, alert: Alert, sink: str) -> bool:
        """Whether it tells the sink something new."""
        last = self.said(alert, sink)
        if last is None or last.resolved:
            return not alert.resolved
        return alert.resolved or _WORSE[alert.state] > _WORSE[last.state]

    def mark(self, alert: Alert, sink: str) -> None:
        """Remember that the sink was told."""
        key = {"endpoint": alert.endpoint, "version": alert.version, "signal": alert.signal, "sink": sink}
        row = {"state": alert.state, "resolved": alert.resolved, "json": canonical(alert), "at": alert.at}
        with self._database.write() as connection:
            connection.execute(delete(tables.alert).filter_by(**key))
            connection.execute(insert(tables.alert).values(**key, **row))

    def open(self, endpoint: str) -> list[Alert]:
        """Those that were said and have not ended, one for each version and signal."""
        query = select(tables.alert.c.json).where(
            tables.alert.c.endpoint == endpoint, tables.alert.c.resolved.is_(False)
        )
        with self._database.read() as connection:
            found = [Alert.model_validate_json(text) for text in connection.execute(query).scalars()]
        return list(
            {(alert.version, alert.signal): alert for alert in sorted(found, key=lambda alert: alert.at)}.values()
        )
