"""Takes a value out of the texts of the database: verdicts, alerts, letters, and what steps and rollouts said.

The audit trail is not touched, since its hashes would no longer hold; it is told ids and digests, and never a row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Table, and_, select, update

from mlconfig.lifecycle import tables
from mlconfig.lifecycle.database import Database

HIDDEN = "[erased]"
TELLING = 4
"""A shorter value is found in every other text; it counts only where it stands alone or in quotes."""

_TEXTS: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (tables.verdict, ("json",)),
    (tables.episode, ("json",)),
    (tables.outbox, ("json", "error")),
    (tables.alert, ("json",)),
    (tables.step, ("output",)),
    (tables.rollout, ("reason", "request")),
    (tables.effect, ("result",)),
    (tables.gate, ("verdict",)),
    (tables.version, ("card",)),
)


def finder(values: tuple[str, ...]) -> Callable[[str], str]:
    """What hides values in a text: as whole words, and short ones only where they are all of it or stand in quotes."""
    patterns = []
    for value in values:
        word = re.escape(value)
        patterns.append(
            re.compile(rf"(?<!\w){word}(?!\w)")
            if len(value) >= TELLING
            else re.compile(rf"(?<=['`\"]){word}(?=['`\"])|\A{word}\Z")
        )

    def hide(text: str) -> str:
        for pattern in patterns:
            text = pattern.sub(HIDDEN, text)
        return text

    return hide


def redact(database: Database, values: tuple[str, ...]) -> int:
    """Hide values in every text; returns how many texts held one. A SQLite file is then written anew, so that no page that
    is free holds what stood there.
    """
    hide, changed = finder(values), 0
    with database.write() as connection:
        for table, names in _TEXTS:
            for name in names:
                column: Column[Any] = table.c[name]
                keys = list(table.primary_key.columns)
                for *key, text in connection.execute(select(*keys, column)).all():
                    hidden = hidden_text(text, hide) if text else text
                    if hidden != text:
                        this = and_(*(each == value for each, value in zip(keys, key, strict=True)))
                        connection.execute(update(table).where(this).values({name: hidden}))
                        changed += 1
    if _holds(database, values):
        _write_anew(database)
    return changed


def hidden_text(text: str, hide: Callable[[str], str]) -> str:
    """A JSON text with its strings hidden, a plain one as it is; unchanged texts come back byte for byte."""
    try:
        tree = json.loads(text)
    except ValueError:
        return hide(text)
    found = _walk(tree, hide)
    return text if found == tree else json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _walk(tree: Any, hide: Callable[[str], str]) -> Any:
    if isinstance(tree, str):
        return hide(tree)
    if isinstance(tree, dict):
        return {hide(key): _walk(value, hide) for key, value in tree.items()}
    return [_walk(value, hide) for value in tree] if isinstance(tree, list) else tree


def _holds(database: Database, values: tuple[str, ...]) -> bool:
    """Whether a SQLite file holds a telling value's bytes; of short ones it always does."""
    if database.url.get_backend_name() != "sqlite":
        return False
    data = Path(database.url.database or "").read_bytes()
    return any(value.encode() in data or json.dumps(value)[1:-1].encode() in data for value in values)


def _write_anew(database: Database) -> None:
    with closing(database.engine.raw_connection()) as connection:
        connection.execute("VACUUM")  # on SQLite's own connection, which is in no transaction
