"""Reports to look at: small and exact ones, and one as large as a page must bear."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from mlconfig.pages.monitoring_report import Compared, MonitoringReport, VersionChange
from mlconfig.profiles.profile import Layout, Profile, fit_layout, profile_of
from mlconfig.records.verdict import Alert, Finding, Verdict
from mlconfig.vocabulary import FrozenDict, Window

HOUR, DAY = 3600.0, 86_400.0
START = 1_778_198_400.0
"""8 May 2026, 00:00 UTC."""


def finding(column: str | None, score: float, threshold: float = 0.1, **more: Any) -> Finding:
    given = {"statistic": "psi", "is_drift": score > threshold, "details": {}, "message": ""} | more
    return Finding(
        column=column,
        drift_score=score,
        threshold=threshold,
        **{**given, "details": FrozenDict(given["details"])},
    )


def verdict(signal: str, number: int, findings: Sequence[Finding] = (), **more: Any) -> Verdict:
    """Of the hourly window of that number; ``scale`` in seconds makes it another one."""
    scale = more.pop("scale", HOUR)
    vote = any(each.is_drift for each in findings) if findings else None
    given = {"detector": "psi", "rows": 1000, "vote": vote, "state": "ok" if findings else "unknown"} | more
    window = Window(start=START + number * scale, end=START + (number + 1) * scale)
    return Verdict(
        endpoint="churn", version="7", signal=signal, window=window, scale=scale, findings=tuple(findings), **given
    )


def alert(number: int, **more: Any) -> Alert:
    window = Window(start=START + number * HOUR, end=START + (number + 1) * HOUR)
    given = {"rule": "input_drift", "signal": "input_drift", "state": "alert", "what": "inputs drift"} | more
    return Alert(recipe="churn", endpoint="churn", version="7", window=window, at=window.end, **given)


def report(hours: int = 48, **more: Any) -> MonitoringReport:
    end = START + hours * HOUR
    given = {"recipe": "churn", "endpoint": "churn", "version": "7", "made_at": end, "every": HOUR} | more
    return MonitoringReport(period=Window(start=START, end=end), **given)


def profiles(
    reference: Mapping[str, Any], current: Mapping[str, Any] | None, kinds: Mapping[str, str]
) -> tuple[Layout, Compared]:
    layout = fit_layout(reference, kinds)  # type: ignore[arg-type]
    made = [None if columns is None else profile_of(layout, columns) for columns in (reference, current)]
    return layout, Compared(*made)


def one_column(kind: str, reference: Any, current: Any) -> tuple[Layout, Profile | None, Profile | None]:
    layout, pair = profiles({"x": reference}, {"x": current}, {"x": kind})
    return layout, pair.reference, pair.current


def large_report(columns: int = 50, days: int = 30) -> MonitoringReport:
    """As large as the limit: hourly windows, every column with distances at two signals, long names, drift that begins."""
    rng = np.random.default_rng(5)
    numeric = [f"measurement_{i:02d}_of_a_column_with_a_long_name" for i in range(columns * 3 // 5)]
    text = [f"category_{i:02d}" for i in range(columns - len(numeric))]
    inputs = _large_profiles(rng, numeric, text)
    outputs = profiles(
        {"prediction.label": rng.choice(["stays", "leaves"], 4000, p=[0.8, 0.2]), "prediction.score": rng.beta(2, 8, 4000)},
        {"prediction.label": rng.choice(["stays", "leaves"], 4000, p=[0.7, 0.3]), "prediction.score": rng.beta(3, 8, 4000)},
        {"prediction.label": "categorical", "prediction.score": "numeric"},
    )[1]  # fmt: skip
    hours = days * 24
    return report(
        hours,
        owner="risk-team@example.com",
        time_zone="Europe/Berlin",
        live_since=START - 20 * DAY,
        inputs=inputs,
        outputs=outputs,
        current_window=Window(start=START + (hours - 24) * HOUR, end=START + hours * HOUR),
        verdicts=tuple(_large_verdicts(rng, [*numeric, *text], hours)),
        alerts=tuple(
            alert(hour, rule=rule, signal=rule, resolved=resolved, severity="info" if resolved else "warning",
                  what=f"{rule} of version 7: alert; {'; '.join(f'`{name}` moved' for name in numeric[:4])}")
            for rule in ("input_drift", "data_quality")
            for hour in range(20, hours - 24, 12)
            for resolved, hour in ((False, hour), (True, hour + 7))
        ),
        changes=(VersionChange(START + 5 * DAY, "7", "retrained on lasting drift"),),
        volume={START + hour * HOUR: int(900 + 700 * np.sin(hour / 24 * 2 * np.pi)) for hour in range(hours)},
        metric="roc_auc",
    )  # fmt: skip


def _large_profiles(rng: np.random.Generator, numeric: Sequence[str], text: Sequence[str]) -> Compared:
    levels = np.array([f"level {i} of many" for i in range(60)])
    sides = [
        {name: rng.normal(i, 1 + i, 4000) + shift * (i % 7 == 0) * (1 + i) for i, name in enumerate(numeric)}
        | {name: levels[np.minimum(rng.geometric(0.1, 4000), 59)] for name in text}
        for shift in (0.0, 1.5)
    ]
    kinds = dict.fromkeys(numeric, "numeric") | dict.fromkeys(text, "categorical")
    return profiles(sides[0], sides[1], kinds)[1]


def _large_verdicts(rng: np.random.Generator, names: Sequence[str], hours: int) -> Iterable[Verdict]:
    told = {"kl": 0.01, "js": 0.03, "ks": 0.02, "ks_p_value": 0.4, "chi2": 12.0, "wasserstein": 0.1, "bins": 16.0}
    for hour in range(hours):
        scores = rng.gamma(2.0, 0.02, len(names))
        scores[::7] += 0.4 * (hour > hours * 2 / 3)
        drift = [finding(name, float(score), details=told) for name, score in zip(names, scores, strict=True)]
        state = "lasting" if hour > hours * 2 / 3 + 12 else "ok"
        if hour % 97 == 5:
            yield verdict("input_drift", hour, state="unknown", reason="12 rows, and 500 are needed", rows=12)
        else:
            yield verdict("input_drift", hour, drift, state=state, since=START + hours * 2400.0 if state != "ok" else None)
        nulls = rng.beta(1, 200, len(names))
        yield verdict("data_quality", hour, [finding(name, float(n), 0.02, statistic="null_fraction_increase")
                                             for name, n in zip(names, nulls, strict=True)])  # fmt: skip
        if hour < hours - 48:
            value = 0.81 - 0.0001 * hour + float(rng.normal(0, 0.01))
            details = {"value": value, "low": value - 0.03, "high": value + 0.03, "reference": 0.82, "floor": 0.79}
            yield verdict("performance", hour, [finding(None, 0.82 - value, 0.03, statistic="performance_drop", details=details)],
                          labelled=600)  # fmt: skip
            if hour % 24 == 0:
                yield verdict("performance", hour // 24, [finding(None, 0.82 - value, 0.03, statistic="performance_drop",
                              details=details)], labelled=14_000, scale=DAY)  # fmt: skip


@pytest.fixture(scope="session")
def large() -> MonitoringReport:
    return large_report()
