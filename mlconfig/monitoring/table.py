"""Verdicts as plain rows for a terminal and as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from mlconfig.monitoring.alert_rules import RANK
from mlconfig.records.verdict import CAUSES, Verdict, worst_first
from mlconfig.vocabulary import format_duration, plural

COLUMNS = ("window (UTC)", "scale", "signal", "rows", "vote", "state", "since (UTC)", "what")
_VOTES = {True: "yes", False: "no", None: "?"}


def table_rows(verdicts: Sequence[Verdict]) -> list[tuple[str, ...]]:
    """One row a verdict, under ``COLUMNS``."""
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
    """What drifted, the worst first, else the figure nearest to its threshold, else why nothing could be said."""
    if verdict.reason:
        return verdict.reason
    drifted = [
        finding.message or f"`{finding.column}`" for finding in worst_first(verdict.findings) if finding.is_drift
    ]
    if drifted:
        return "; ".join(drifted)
    nearest = max(verdict.findings, key=lambda f: f.drift_score / max(abs(f.threshold), 1e-12), default=None)
    if nearest is None:
        return ""
    if nearest.column is None and nearest.message:
        return nearest.message
    calm = "this window is within its limits: " if RANK[verdict.state] else ""  # other windows made the state
    where = f"`{nearest.column}` " if nearest.column is not None else ""
    # A rate is beyond its bound before it is so for certain, which is when it votes.
    counted = next((word for word in ("requests", "answered") if word in nearest.details), "")
    size = plural(int(nearest.details[counted]), "request") if counted else f"{verdict.rows:,} rows"
    over = f": over it, but {size} are too few to rule out chance" if nearest.drift_score > nearest.threshold else ""
    return f"{calm}{where}{nearest.statistic} {nearest.drift_score:.3f} of {nearest.threshold:.3f}{over}"


def advice_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """For each signal that votes, once: the probable cause and what to do, as its worst scale has them.

    What another scale says of a signal that lasts (a first vote of a day looks like a spike) would contradict its state.
    """
    told = (_advice(scales) for scales in _by_signal(verdicts).values() if any(each.vote for each in scales))
    return [line for line in told if line]


def _by_signal(verdicts: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    signals: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        signals.setdefault(verdict.signal, []).append(verdict)
    return signals


def _advice(scales: Sequence[Verdict]) -> str:
    worst = max(scales, key=lambda each: (RANK[each.state], bool(each.vote and each.advice)))
    if worst.advice:
        cause = f"probably {CAUSES[worst.cause]}; " if worst.cause is not None else ""
        return f"{worst.signal}: {cause}{worst.advice}"
    if RANK[worst.state]:
        return f"{worst.signal}: {worst.state}, though its newest window does not vote for it; it may be passing"
    return ""


def as_json(verdicts: Sequence[Verdict]) -> str:
    """A JSON array of verdicts."""
    return json.dumps([verdict.model_dump(mode="json") for verdict in verdicts], indent=2, ensure_ascii=False)


def _time(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M}"
