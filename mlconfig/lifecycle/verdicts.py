"""Verdicts by endpoint, version, signal, window and scale; judging a window again replaces its verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, select

from mlconfig.lifecycle import tables
from mlconfig.lifecycle.database import Database
from mlconfig.records.verdict import Verdict
from mlconfig.vocabulary import canonical


class Verdicts:
    """Keep what monitoring found, and give it back in the order of time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, verdicts: Iterable[Verdict]) -> None:
        """Keep verdicts, all or none; labels that came late may replace an earlier one of the same window."""
        table = tables.verdict
        with self._database.write() as connection:
            for verdict in verdicts:
                key = {name: getattr(verdict, name) for name in ("endpoint", "version", "signal", "scale")}
                key["window_start"] = verdict.window.start
                connection.execute(delete(table).filter_by(**key))
                connection.execute(insert(table).values(**key, state=verdict.state, json=canonical(verdict)))

    def history(
        self,
        endpoint: str,
        version: str,
        signal: str | None = None,
        scale: float | None = None,
        limit: int | None = None,
    ) -> list[Verdict]:
        """The last ``limit`` windows' verdicts, oldest first."""
        table = tables.verdict
        query = select(table.c.json).where(table.c.endpoint == endpoint, table.c.version == version)
        if signal is not None:
            query = query.where(table.c.signal == signal)
        if scale is not None:
            query = query.where(table.c.scale == scale)
        query = query.order_by(table.c.window_start.desc(), table.c.signal, table.c.scale).limit(limit)
        with self._database.read() as connection:
            found = [Verdict.model_validate_json(text) for text in connection.execute(query).scalars()]
        return found[::-1]

    def recent(
        self, endpoint: str, version: str, seconds: float, windows: int, begin: float = -math.inf
    ) -> tuple[list[Verdict], dict[float, float]]:
        """The newest verdicts of each scale, oldest first, and by scale since which window they are complete.

        Those of the last ``seconds`` and at least of the last ``windows``, counted back from the newest, whose windows do not
        start before ``begin``; a scale of which all are given is not among the second.
        """
        table = tables.verdict
        mine = (table.c.endpoint == endpoint, table.c.version == version, *_from(begin))
        extent = select(table.c.scale, func.min(table.c.window_start), func.max(table.c.window_start)).where(*mine)
        found: list[Verdict] = []
        since: dict[float, float] = {}
        with self._database.read() as connection:
            for scale, oldest, newest in connection.execute(extent.group_by(table.c.scale)).all():
                cut = newest - max(seconds, windows * scale)
                if oldest < cut:
                    since[scale] = cut
                query = select(table.c.json).where(*mine, table.c.scale == scale, table.c.window_start >= cut)
                found += [Verdict.model_validate_json(text) for text in connection.execute(query).scalars()]
        return sorted(found, key=lambda verdict: (verdict.window.start, verdict.signal, verdict.scale)), since

    def latest(self, endpoint: str, version: str, begin: float = -math.inf) -> list[Verdict]:
        """The newest verdict of each signal and scale, of windows that start at ``begin`` or later: what a trigger sees."""
        table = tables.verdict
        mine = (table.c.endpoint == endpoint, table.c.version == version, *_from(begin))
        newest = (
            select(table.c.signal, table.c.scale, func.max(table.c.window_start).label("newest"))
            .where(*mine)
            .group_by(table.c.signal, table.c.scale)
            .subquery()
        )
        query = (
            select(table.c.json)
            .where(*mine)
            .join(
                newest,
                and_(
                    table.c.signal == newest.c.signal,
                    table.c.scale == newest.c.scale,
                    table.c.window_start == newest.c.newest,
                ),
            )
            .order_by(table.c.signal, table.c.scale)
        )
        with self._database.read() as connection:
            return [Verdict.model_validate_json(text) for text in connection.execute(query).scalars()]


def _from(begin: float) -> tuple[ColumnElement[Any], ...]:
    """PostgreSQL takes no infinity for a number."""
    return (tables.verdict.c.window_start >= begin,) if math.isfinite(begin) else ()
