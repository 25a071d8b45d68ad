"""Verdicts as plain rows for a terminal and as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from mlconfig.records.verdict import CAUSES, Verdict
from mlconfig.vocabulary import format_duration

COLUMNS = ("window", "scale", "signal", "rows", "vote", "state", "since", "what")
_VOTES = {True: "yes", False: "no", None: "?"}


def table_rows(verdicts: Sequence[Verdict]) -> list[tuple[str, ...]]:
    """One row a verdict, under ``COLUMNS``; times are UTC."""
    return [
        (
            _time(verdict.window.start),
            format_duration(timedelta(seconds=verdict.scale)),
            verdict.signal,
            f"{verdict.rows:,}",
            _VOTES[verdict.vote],
            verdict.state,
            "" if verdict.since is None else _time(verdict.since),
            what_was_found(verdict),
        )
        for verdict in verdicts
    ]


def what_was_found(verdict: Verdict) -> str:
    """What drifted, else the figure nearest to its threshold, else why nothing could be said."""
    if verdict.reason:
        return verdict.reason
    drifted = [finding.message or f"`{finding.column}`" for finding in verdict.findings if finding.is_drift]
    if drifted:
        return "; ".join(drifted)
    nearest = max(verdict.findings, key=lambda f: f.drift_score / max(abs(f.threshold), 1e-12), default=None)
    if nearest is None:
        return ""
    if nearest.column is None and nearest.message:
        return nearest.message
    where = f"`{nearest.column}` " if nearest.column is not None else ""
    return f"{where}{nearest.statistic} {nearest.drift_score:.3f} of {nearest.threshold:.3f}"


def advice_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """For each signal that votes, once: the probable cause and what to do."""
    lines = {}
    for verdict in verdicts:
        if verdict.vote and verdict.advice:
            cause = f"probably {CAUSES[verdict.cause]}; " if verdict.cause is not None else ""
            lines[verdict.signal] = f"{verdict.signal}: {cause}{verdict.advice}"
    return list(lines.values())


def as_json(verdicts: Sequence[Verdict]) -> str:
    """A JSON array of verdicts."""
    return json.dumps([verdict.model_dump(mode="json") for verdict in verdicts], indent=2, ensure_ascii=False)


def _time(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M}"
