"""The monitoring report at its limit: 50 columns (30 numeric, 20 of text), 30 days of hourly windows, two signals by column
with all their distances, performance by the hour and by the day, 114 alerts.

Writing is `pages.monitoring_report.render`, from verdicts and profiles in memory to the text of the page, in this process; the
first page also loads the template engine and compiles the templates, so a process that writes one report pays for that once.
Reading is pydantic's reading of the verdicts' JSON, as the state database holds it. Beside it 50 histograms drawn by matplotlib
(figures of 4 × 2 inches, two sets of 40 bins each), as SVG: what the distributions alone would cost by its means.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.report import Row, median
from mlconfig.pages.monitoring_report import Compared, MonitoringReport, VersionChange, render
from mlconfig.profiles.profile import fit_layout, profile_of
from mlconfig.records.verdict import Alert, Finding, Verdict
from mlconfig.vocabulary import FrozenDict, Window

NUMERIC, TEXT, DAYS = 30, 20, 30
ROUNDS = 7
HOUR, DAY = 3600.0, 86_400.0
START = 1_778_198_400.0
"""8 May 2026, 00:00 UTC."""
TOLD = {"kl": 0.01, "js": 0.03, "ks": 0.02, "ks_p_value": 0.4, "chi2": 12.0, "wasserstein": 0.1, "bins": 16.0}
WHO = {"recipe": "churn", "endpoint": "churn", "version": "7"}


def compared(reference: dict[str, Any], current: dict[str, Any]) -> Compared:
    """Profiles of two sets of columns; those of objects are text."""
    kinds: Any = {name: "categorical" if values.dtype.kind in "OU" else "numeric" for name, values in reference.items()}
    layout = fit_layout(reference, kinds)
    return Compared(profile_of(layout, reference), profile_of(layout, current))


def large_report(numeric: int = NUMERIC, text: int = TEXT, days: int = DAYS) -> MonitoringReport:
    """A version that drifts in its last third: long names, a window without rows enough now and then, many alerts."""
    rng, hours = np.random.default_rng(5), days * 24
    names = [
        *(f"measurement_{i:02d}_of_a_column_with_a_long_name" for i in range(numeric)),
        *(f"category_{i:02d}" for i in range(text)),
    ]
    end = START + hours * HOUR
    return MonitoringReport(
        **WHO,
        made_at=end,
        period=Window(start=START, end=end),
        every=HOUR,
        owner="risk-team@example.com",
        time_zone="Europe/Berlin",
        live_since=START - 20 * DAY,
        inputs=compared(_inputs(rng, names, numeric, 0.0), _inputs(rng, names, numeric, 1.5)),
        outputs=compared(_outputs(rng, 0.2), _outputs(rng, 0.3)),
        current_window=Window(start=end - DAY, end=end),
        verdicts=tuple(_verdicts(rng, names, hours)),
        alerts=tuple(_alerts(names, hours)),
        changes=(VersionChange(START + 5 * DAY, "7", "retrained on lasting drift"),),
        volume={START + hour * HOUR: int(900 + 700 * np.sin(hour / 24 * 2 * np.pi)) for hour in range(hours)},
        metric="roc_auc",
    )


def _inputs(rng: np.random.Generator, names: Sequence[str], numeric: int, shift: float) -> dict[str, Any]:
    levels = np.array([f"level {i} of many" for i in range(60)], dtype=object)
    return {
        name: rng.normal(i, 1 + i, 4000) + shift * (i % 7 == 0) * (1 + i)
        if i < numeric
        else levels[np.minimum(rng.geometric(0.1, 4000), 59)]
        for i, name in enumerate(names)
    }


def _outputs(rng: np.random.Generator, leaving: float) -> dict[str, Any]:
    labels = np.array(["stays", "leaves"], dtype=object)
    return {
        "prediction.label": labels[(rng.random(4000) < leaving).astype(int)],
        "prediction.score": rng.beta(10 * leaving, 8, 4000),
    }


def _verdicts(rng: np.random.Generator, names: Sequence[str], hours: int) -> Iterator[Verdict]:
    begun = hours * 2 // 3
    for hour in range(hours):
        scores = rng.gamma(2.0, 0.012, len(names))
        scores[::7] += 0.4 * (hour >= begun)
        state: Any = "lasting" if hour >= begun + 12 else "alert" if hour >= begun + 3 else "ok"
        if hour % 97 == 5:
            reason = "12 rows, and 500 are needed"
            yield _verdict("input_drift", hour, (), rows=12, vote=None, state="unknown", reason=reason)
        else:
            drift = [_finding(name, float(score), 0.1, "psi", TOLD) for name, score in zip(names, scores, strict=True)]
            since = START + begun * HOUR if state != "ok" else None
            yield _verdict(
                "input_drift", hour, drift, state=state, since=since, cause="lasting_drift" if since else None
            )
        nulls = zip(names, rng.beta(1, 400, len(names)), strict=True)
        yield _verdict(
            "data_quality", hour, [_finding(name, float(n), 0.02, "null_fraction_increase") for name, n in nulls]
        )
        if hour < hours - 48:
            yield _performance(rng, hour, hour, HOUR)
            if hour % 24 == 0:
                yield _performance(rng, hour, hour // 24, DAY)


def _performance(rng: np.random.Generator, hour: int, number: int, scale: float) -> Verdict:
    value, half = 0.82 - 0.00015 * hour + float(rng.normal(0, 0.004)), 0.02
    details = {"value": value, "low": value - half, "high": value + half, "reference": 0.82, "floor": 0.79}
    found = _finding(None, 0.82 - value, 0.03 + half, "performance_drop", details)
    return _verdict("performance", number, [found], scale=scale, labelled=int(600 * scale / HOUR))


def _finding(
    column: str | None, score: float, limit: float, statistic: str, details: dict[str, float] | None = None
) -> Finding:
    return Finding(
        column=column, statistic=statistic, drift_score=score, threshold=limit, is_drift=score > limit,
        details=FrozenDict(details or {}), message=f"`{column}` moved: PSI {score:.3f} over {limit:.3f}",
    )  # fmt: skip


def _verdict(signal: str, number: int, found: Sequence[Finding], scale: float = HOUR, **more: Any) -> Verdict:
    window = Window(start=START + number * scale, end=START + (number + 1) * scale)
    given: dict[str, Any] = {"rows": 1000, "vote": any(each.is_drift for each in found), "state": "ok"} | more
    return Verdict(
        endpoint="churn", version="7", signal=signal, detector="psi", window=window, scale=scale, findings=tuple(found),
        **given,
    )  # fmt: skip


def _alerts(names: Sequence[str], hours: int) -> Iterator[Alert]:
    what = (
        f"alert since 2026-05-09 00:00 UTC; {'; '.join(f'`{name}` moved: PSI 0.443 over 0.100' for name in names[:4])}"
    )
    for rule in ("input_drift", "data_quality"):
        for begun in range(20, hours - 24, 12):
            for resolved, hour in ((False, begun), (True, begun + 7)):
                window = Window(start=START + hour * HOUR, end=START + (hour + 1) * HOUR)
                yield Alert(
                    **WHO, rule=rule, signal=rule, state="ok" if resolved else "alert", resolved=resolved,
                    what=f"{rule} of version 7: {what}", window=window, at=window.end,
                )  # fmt: skip


def drawn_by_matplotlib() -> tuple[float, int]:
    """Seconds and bytes of 50 overlaid histograms as SVG, the import not counted."""
    from matplotlib.figure import Figure

    rng, size, began = np.random.default_rng(5), 0, time.perf_counter()
    for _ in range(NUMERIC + TEXT):
        figure = Figure(figsize=(4, 2))
        axes = figure.subplots()
        axes.hist([rng.normal(0, 1, 4000), rng.normal(0.5, 1, 4000)], bins=40, density=True, histtype="stepfilled")
        file = io.BytesIO()
        figure.savefig(file, format="svg")
        size += file.tell()
    return time.perf_counter() - began, size


def seconds(work: Callable[[], object]) -> float:
    """Wall time."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run() -> list[Row]:
    """The first page, then rounds."""
    report = large_report()
    first = seconds(lambda: render(report))
    size = len(render(report).encode())
    texts = [verdict.model_dump_json() for verdict in report.verdicts]
    again = [seconds(lambda: render(report)) for _ in range(ROUNDS)]
    reading = [seconds(lambda: [Verdict.model_validate_json(text) for text in texts]) for _ in range(3)]
    theirs = [drawn_by_matplotlib() for _ in range(2)][-1]
    return [
        Row(
            "the first page of a process",
            {"wall s": first, "KiB": size / 1024, "limit s": 2.0, "limit KiB": 1e6 / 1024},
        ),
        Row("each further page", {"wall s": median(again), "KiB": size / 1024}),
        Row(f"before it: read {len(texts):,} verdicts", {"wall s": median(reading)}),
        Row("matplotlib: the 50 distributions alone, as SVG", {"wall s": theirs[0], "KiB": theirs[1] / 1024}),
    ]
