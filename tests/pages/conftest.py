"""Verdicts, findings, alerts and reports of an endpoint in hourly windows from 8 May 2026 on, made by one call each."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.monitoring_report import compared, large_report
from mlconfig.pages.monitoring_report import MonitoringReport
from mlconfig.records.verdict import Alert, Finding, Verdict
from mlconfig.vocabulary import FrozenDict, Window

HOUR, DAY = 3600.0, 86_400.0
START = 1_778_198_400.0


def finding(column: str | None, score: float, threshold: float = 0.1, **more: Any) -> Finding:
    given = {"statistic": "psi", "is_drift": score > threshold} | more
    details = FrozenDict(given.pop("details", {}))
    return Finding(column=column, drift_score=score, threshold=threshold, details=details, **given)


def verdict(signal: str, number: int, findings: Sequence[Finding] = (), scale: float = HOUR, **more: Any) -> Verdict:
    """Of the window of that number; without findings it could not be judged."""
    vote = any(each.is_drift for each in findings) if findings else None
    given = {"detector": "psi", "rows": 1000, "vote": vote, "state": "ok" if findings else "unknown"} | more
    window = Window(start=START + number * scale, end=START + (number + 1) * scale)
    return Verdict(
        endpoint="churn", version="7", signal=signal, window=window, scale=scale, findings=tuple(findings), **given
    )


def scored(number: int, value: float, half: float = 0.02, *, floor: float = 0.79, **more: Any) -> Verdict:
    """A window's performance with its interval."""
    details = {"value": value, "low": value - half, "high": value + half, "reference": 0.82, "floor": floor}
    found = finding(
        None, 0.82 - value, 0.03, statistic="performance_drop", details=details, is_drift=value + half < floor
    )
    return verdict(more.pop("signal", "performance"), number, [found], **{"labelled": 600} | more)


def alert(number: int, **more: Any) -> Alert:
    window = Window(start=START + number * HOUR, end=START + (number + 1) * HOUR)
    given = {"rule": "input_drift", "signal": "input_drift", "state": "alert", "what": "inputs drift"} | more
    return Alert(recipe="churn", endpoint="churn", version="7", window=window, at=window.end, **given)


def report(hours: int = 48, **more: Any) -> MonitoringReport:
    end = START + hours * HOUR
    given = {"recipe": "churn", "endpoint": "churn", "version": "7", "made_at": end, "every": HOUR} | more
    return MonitoringReport(period=Window(start=START, end=end), **given)


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The functions above."""
    return SimpleNamespace(
        START=START, HOUR=HOUR, DAY=DAY, finding=finding, verdict=verdict, scored=scored, alert=alert, report=report,
        compared=compared,
    )  # fmt: skip


@pytest.fixture(scope="session")
def large() -> MonitoringReport:
    """50 columns, 30 days of hours: what the benchmark writes."""
    return large_report()
