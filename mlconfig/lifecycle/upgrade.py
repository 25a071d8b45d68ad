"""A database that an earlier mlconfig made gets the tables that came since, and keeps all it holds."""

from __future__ import annotations

import json
import uuid

from sqlalchemy import Connection, RowMapping, delete, insert, inspect, select

from mlconfig.lifecycle import tables


def missing(connection: Connection) -> frozenset[str]:
    """The tables that are not there yet."""
    return frozenset(tables.METADATA.tables) - frozenset(inspect(connection).get_table_names())


def make(connection: Connection) -> None:
    """Make the tables that are missing, inside a writing transaction; nothing happens when another was first."""
    wanted = missing(connection)
    tables.METADATA.create_all(connection, tables=[tables.METADATA.tables[name] for name in wanted], checkfirst=False)
    if "meta" in wanted:
        connection.execute(insert(tables.meta).values(key="schema_version", value=str(tables.SCHEMA_VERSION)))
        head = (
            f"0:{tables.GENESIS}"  # stands from the first moment, so that the first two writers have a row to wait for
        )
        connection.execute(insert(tables.meta).values(key=tables.AUDIT_HEAD, value=head))
    elif "outbox" in wanted:
        _take_over_alerts(connection)


def _take_over_alerts(connection: Connection) -> None:
    """What was said before there was an outbox: who was told of an alert is told of its end.

    A rule of ``rules: auto`` has its signal's name, so what was kept by signal is kept by rule.
    """
    rows = connection.execute(select(tables.alert).order_by(tables.alert.c.at)).mappings().all()
    newest = {(row["endpoint"], row["version"], row["signal"]): row for row in rows if not row["resolved"]}
    for (endpoint, version, rule), last in newest.items():
        key = {"endpoint": endpoint, "rule": rule}
        said = {"id": uuid.uuid4().hex[:16], "json": _with_rule(last), "at": last["at"], "resolved": False}
        connection.execute(insert(tables.episode).values(**key, version=version, **said))
        for row in rows:
            if (row["endpoint"], row["version"], row["signal"]) == (endpoint, version, rule) and not row["resolved"]:
                sent = {"state": "sent", "attempts": 1, "next_at": row["at"], "put_at": row["at"], "error": ""}
                told = {"episode": said["id"], "sink": row["sink"], "resolved": False, "json": _with_rule(row)}
                connection.execute(insert(tables.outbox).values(**key, **told, **sent))
    connection.execute(delete(tables.alert))


def _with_rule(row: RowMapping) -> str:
    return json.dumps({**json.loads(row["json"]), "rule": row["signal"]}, sort_keys=True, ensure_ascii=False)
