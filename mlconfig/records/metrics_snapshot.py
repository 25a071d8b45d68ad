"""What monitoring found last, as the figures that `/metrics` shows: the controller writes them, each replica reads them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from mlconfig.records.segments import sync_folder
from mlconfig.records.verdict import Alert, Finding, Verdict

FILE = "metrics.json"
MAX_COLUMNS = 200
"""Columns that figures are kept of: those that drift first, then by name."""
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e10)]
_INTERVAL = ("value", "low", "high")


class SignalFigures(msgspec.Struct, frozen=True):
    """One signal at one scale (seconds): the state after its newest window, which had ``rows`` rows and ended at ``end``."""

    version: str
    signal: str
    scale: Seconds
    state: str
    rows: int
    end: float


class DriftFigures(msgspec.Struct, frozen=True):
    """One finding of a signal's newest window; ``column`` is empty where it is of the whole."""

    version: str
    signal: str
    scale: Seconds
    column: str
    statistic: str
    score: float
    threshold: float


class PerformanceFigures(msgspec.Struct, frozen=True):
    """A metric with its interval. ``metric``: its name; ``reference``: at evaluation; ``coverage``: labelled share."""

    version: str
    signal: str
    scale: Seconds
    column: str
    metric: str
    value: float
    low: float
    high: float
    reference: float | None = None
    coverage: float | None = None


class MetricsSnapshot(msgspec.Struct, frozen=True):
    """All of them. ``at``: when monitoring ran; ``alerts``: open ones by severity; ``columns_dropped``: not shown."""

    at: float
    v: int = 1
    signals: tuple[SignalFigures, ...] = ()
    drift: tuple[DriftFigures, ...] = ()
    performance: tuple[PerformanceFigures, ...] = ()
    alerts: dict[str, int] = {}
    columns_dropped: int = 0


def write_snapshot(
    folder: Path, verdicts: Sequence[Verdict], alerts: Sequence[Alert], *, at: float, metric: str = ""
) -> None:
    """Replace the snapshot in an endpoint's log folder, atomically and durably.

    Args:
        folder: the endpoint's log folder (`records.prediction_log.log_folder`).
        verdicts: of the versions that are watched; of each signal and scale the newest window counts.
        alerts: those that are open; resolved ones are passed over.
        at: when monitoring ran, seconds since 1970.
        metric: the primary metric's name, which the figures of `performance` then bear.

    Raises:
        OSError: it cannot be written; the old one stays.
    """
    data = msgspec.json.encode(snapshot_of(verdicts, alerts, at=at, metric=metric))
    folder.mkdir(parents=True, exist_ok=True)
    unnamed = folder / f".{FILE}.{os.getpid()}.tmp"
    with unnamed.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unnamed.rename(folder / FILE)
    sync_folder(folder)


def read_snapshot(folder: Path) -> MetricsSnapshot | None:
    """The newest snapshot; None when there is none, or it is damaged or newer than this version."""
    try:
        snapshot = msgspec.json.decode((folder / FILE).read_bytes(), type=MetricsSnapshot)
    except (OSError, msgspec.MsgspecError):
        return None
    return snapshot if snapshot.v == 1 else None


def snapshot_of(verdicts: Sequence[Verdict], alerts: Sequence[Alert], *, at: float, metric: str) -> MetricsSnapshot:
    """The figures of verdicts and alerts."""
    newest = _newest(verdicts)
    columns = _columns(newest)
    shown = set(columns[:MAX_COLUMNS])
    found = [
        (verdict, finding)
        for verdict in newest
        for finding in verdict.findings
        if finding.column is None or finding.column in shown
    ]
    return MetricsSnapshot(
        at=at,
        signals=tuple(_signal(verdict) for verdict in newest),
        drift=tuple(_drift(verdict, finding) for verdict, finding in found),
        performance=tuple(
            _performance(verdict, finding, metric)
            for verdict, finding in found
            if all(name in finding.details for name in _INTERVAL)
        ),
        alerts=dict(Counter(severity for *_, severity in _open(alerts))),
        columns_dropped=len(columns) - len(shown),
    )


def _newest(verdicts: Iterable[Verdict]) -> list[Verdict]:
    newest: dict[tuple[str, str, float], Verdict] = {}
    for verdict in verdicts:
        key = (verdict.version, verdict.signal, verdict.scale)
        if key not in newest or newest[key].window.end <= verdict.window.end:
            newest[key] = verdict
    return [newest[key] for key in sorted(newest)]


def _columns(verdicts: Iterable[Verdict]) -> list[str]:
    drifts: dict[str, bool] = {}
    for finding in (finding for verdict in verdicts for finding in verdict.findings):
        if finding.column is not None:
            drifts[finding.column] = drifts.get(finding.column, False) or finding.is_drift
    return sorted(drifts, key=lambda name: (not drifts[name], name))


def _open(alerts: Iterable[Alert]) -> set[tuple[str, str, str, str]]:
    return {(alert.version, alert.signal, alert.rule, alert.severity) for alert in alerts if not alert.resolved}


def _signal(verdict: Verdict) -> SignalFigures:
    return SignalFigures(
        verdict.version, verdict.signal, verdict.scale, verdict.state, verdict.rows, verdict.window.end
    )


def _drift(verdict: Verdict, finding: Finding) -> DriftFigures:
    return DriftFigures(
        verdict.version, verdict.signal, verdict.scale, finding.column or "", finding.statistic,
        finding.drift_score, finding.threshold,
    )  # fmt: skip


def _performance(verdict: Verdict, finding: Finding, metric: str) -> PerformanceFigures:
    """Other signals than `performance` measure, or estimate, what they say: their figure bears the statistic's own name."""
    said, column = finding.details, finding.column or ""
    named = metric if metric and finding.statistic == "performance_drop" else finding.statistic.removesuffix("_drop")
    return PerformanceFigures(
        verdict.version, verdict.signal, verdict.scale, column, named,
        said["value"], said["low"], said["high"], said.get("reference"), said.get("coverage"),
    )  # fmt: skip
