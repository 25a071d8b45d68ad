"""Whether what monitoring tells is right: windows whose truth is known, judged as a pass judges them, by the recipe's defaults.

Twenty features (14 numeric ones of six shapes, correlated, two with nulls; 6 of levels), a reference of 50,000 rows. Windows of
up to 2,000 rows are drawn as rows and folded; larger ones as counts, by multinomial draws over the profile's own buckets from
the exact distribution and second moments by the central limit theorem, which is what folding so many rows would give.
Detectors, thresholds, votes and causes are the real ones; the budget is one false alarm a month over all signals of
`monitoring: auto`. An episode is a stretch of windows of one signal and scale at `alert` or worse. Shifts are in standard
deviations of the normal values behind a column.

Estimates without labels are of a LightGBM classifier of two or three classes and of a regression, 10,000 held-out rows,
windows of 50,000 rows that moved in two of four columns, eight models each; errors in percentage points of the metric.

Memory is the peak of a fresh process: one folds a stream of blocks, one makes a pass an hour over a log of Parquet files with
100,000 rows an hour. Times are processor seconds of one hour of 100,000 rows × 20 columns.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.monitoring_alarms import (
    DAY,
    HOUR,
    SIGNALS,
    Told,
    alike_trial,
    answers_against_few,
    daily,
    delay_of,
    every_column,
    null_trial,
    season_trial,
    shifted_trial,
    step,
    weekly,
)
from benchmarks.monitoring_estimates import estimate, estimate_error
from benchmarks.monitoring_passes import memory, pass_times, watched, with_log
from benchmarks.report import Row, median, shown

YEAR = 365 * 24
SIZES = (200, 1_000, 5_000, 50_000)
SCALES = (HOUR, DAY, 7 * DAY)
REPEATS = 60
MODELS = 8
MOVING = ("x0", "x1", "x2", "x3", "x4", "x5")
"""A column of each shape."""


def run() -> list[Row]:
    """All figures; the years in parallel, the rest one after the other."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        years = list(pool.map(_year, SIZES))
        jitters = list(pool.map(_jitter, SIZES))
        others = [row for rows in pool.map(_call, (_delays, _spike, _seasons, _alike, _spoiled, _few)) for row in rows]
        estimates = [row for rows in pool.map(_call, (_accuracies, _regressions)) for row in rows]
    return [*years, *jitters, *others, *estimates, *_memory(), *_times()]


def _row(what: str, figures: dict[str, float | str], bar: str = "") -> Row:
    """Figures in words, and what was to be reached."""
    return Row(what, {"seen": "; ".join(f"{name} {shown(value)}" for name, value in figures.items()), "bar": bar})


def _call(part: Callable[[], list[Row]]) -> list[Row]:
    return part()


def _year(rows: int) -> Row:
    told = null_trial(rows).tell(YEAR, 100 + rows, SCALES)
    return _row(
        f"a year of {rows:,} rows an hour, nothing differs",
        {
            **_counted(told, SIGNALS),
            "false-alarm episodes": told.episodes(),
            "of them input_drift": told.episodes(("input_drift",)),
        },
        "0–3 episodes a year, 12 by declaration",
    )


def _counted(told: Told, signals: tuple[str, ...]) -> dict[str, float | str]:
    judged = [v for (name, _, _), v in told.verdicts.items() if name in signals and v.vote is not None]
    return {"windows judged": len(judged), "votes": told.votes(signals)}


def _jitter(rows: int) -> Row:
    told = shifted_trial(rows, lambda _: every_column(0.05)).tell(30 * 24, 7)
    hours = sum(bool(verdict.vote) for verdict in told.of("input_drift")) / (30 * 24)
    return _row(
        f"30 days, all numeric columns moved by 0.05 σ, {rows:,} rows an hour",
        {**_counted(told, SIGNALS), "false-alarm episodes": told.episodes(), "share of hours": hours},
        "0 % of hours",
    )


def _delays() -> list[Row]:
    found, bar = [], "alert in 3, lasting in 12"
    for rows in (1_000, 5_000):
        trials = [shifted_trial(rows, step(MOVING[i % 6], 0.5, 4), seed=i % 6 + 1).tell(20, i) for i in range(REPEATS)]
        figures: dict[str, float | str] = {}
        for state in ("suspect", "alert", "lasting"):
            delays = [delay_of(told, state, since=4) or 99 for told in trials]
            figures[f"hours to {state}, median / worst"] = f"{median(delays):.0f} / {max(delays)}"
        found.append(_row(f"step of 0.5 σ in one column, {rows:,} rows an hour ({REPEATS} times)", figures, bar))
    return found


def _spike() -> list[Row]:
    trials = [shifted_trial(1_000, step("x0", 2.0, 4, 14), seed=i % 6 + 1).tell(40, i) for i in range(REPEATS // 2)]
    verdicts = [told.of("input_drift") for told in trials]
    suspected = [delay_of(told, "suspect", since=4) or 99 for told in trials]
    causes = {str(verdict.cause) for each in verdicts for verdict in each if verdict.vote}
    return [
        _row(
            f"spike of 10 hours and 2 σ in one column, 1,000 rows an hour ({REPEATS // 2} times)",
            {
                "hours to suspect, median / worst": f"{median(suspected):.0f} / {max(suspected)}",
                "ever lasting": sum(any(v.state == "lasting" for v in each) for each in verdicts),
                "cause": ", ".join(sorted(causes)),
            },
            "suspected in 2, never lasting",
        )
    ]


def _seasons() -> list[Row]:
    cases = (
        ("daily cycle of 0.4 σ in one column, 28 days of reference", 28, lambda hour: daily(hour, MOVING[:1])),
        ("daily cycle of 0.4 σ in six columns, 28 days of reference", 28, lambda hour: daily(hour, MOVING)),
        ("weekends 1 σ away in six columns, 70 days of reference", 70, lambda hour: weekly(hour, MOVING)),
    )
    return [
        _season(f"{words}, season {season}", days, shifts, season)
        for words, days, shifts in cases
        for season in ("auto", "none")
    ]


def _season(words: str, days: int, shifts: Callable[[int], dict[str, float]], season: str) -> Row:
    told = season_trial(1_000, days, shifts).watched(reference={"season": season}).tell(21 * 24, 3, SCALES)
    hours = sum(bool(verdict.vote) for verdict in told.of("input_drift")) / (21 * 24)
    causes = sorted({verdict.cause for verdict in told.verdicts.values() if verdict.cause})
    return _row(
        f"21 days, {words}",
        {
            **_counted(told, SIGNALS),
            "false-alarm episodes": told.episodes(),
            "share of hours": hours,
            "cause": ", ".join(causes),
        },
        "0 alarms" if season == "auto" else "",
    )


def _alike() -> list[Row]:
    trial, found = alike_trial(24_000, 60, 0.6), []
    independent = replace(trial, watch=replace(trial.watch, baseline=replace(trial.watch.baseline, clusters=None)))
    for words, each in (("", trial), (", taken as independent", independent)):
        told = each.tell(90 * 24, 3, (HOUR, DAY, 7 * DAY))
        found.append(
            _row(
                f"90 days that differ as the reference's 60 do, six columns by 0.6 σ, 1,000 rows an hour{words}",
                {**_counted(told, SIGNALS), "false-alarm episodes": told.episodes()},
                "" if words else "0–3 episodes a year",
            )
        )
    return found


def _spoiled() -> list[Row]:
    def outlier(rows: dict[str, np.ndarray]) -> None:
        rows["x0"][0] = 1e6

    def nulls(rows: dict[str, np.ndarray]) -> None:
        rows["x0"][: len(rows["x0"]) * 4 // 5] = np.nan

    cases = (("one value of 1e6 beside a shift of 1 σ", 1.0, outlier), ("80 % nulls", 0.0, nulls))
    found = []
    for words, sigma, spoil in cases:
        told = shifted_trial(1_000, step("x0", sigma, 0), spoil=spoil).tell(8, 1)
        named = {f.column for verdict in told.of("input_drift") for f in verdict.findings if f.is_drift}
        found.append(
            _row(
                f"{words}, 1,000 rows an hour",
                {
                    "hours to alert, input_drift": delay_of(told, "alert") or "never",
                    "hours to alert, data_quality": delay_of(told, "alert", signal="data_quality") or "never",
                    "named": ", ".join(sorted(map(str, named))),
                },
                "reported",
            )
        )
    return found


def _few() -> list[Row]:
    found = []
    for held_out, rows in ((100, 1_000), (600, 200), (600, 1_000), (600, 6_000)):
        votes = [answers_against_few(held_out, rows, seed) for seed in range(200)]
        found.append(
            _row(
                f"answers beside {held_out} held-out rows, {rows:,} rows an hour, 200 references",
                {
                    "windows judged": sum(map(len, votes)),
                    "votes": sum(map(sum, votes)),
                    "references with three votes": sum(sum(each) >= 3 for each in votes),
                },
                "none",
            )
        )
    return found


def _accuracies() -> list[Row]:
    cases = [(2, metric) for metric in ("accuracy", "roc_auc", "f1")] + [(3, "accuracy")]
    found = []
    for classes, metric in cases:
        for shift in (0.0, 0.25, 0.5, 1.0):
            errors = [100 * estimate(classes, metric, shift, seed=seed).error for seed in range(MODELS)]
            figures: dict[str, float | str] = {"mean error, points": float(np.mean(errors)), "worst": max(errors)}
            found.append(
                _row(
                    f"CBPE, {metric} of {classes} classes, columns moved by {shift:g} σ",
                    figures,
                    "1 point" if metric == "accuracy" else "",
                )
            )
    flipped = [estimate(2, "accuracy", 0.0, flipped=0.2, seed=seed) for seed in range(MODELS)]
    found.append(
        _row(
            "20 % of the labels flipped (concept drift): CBPE cannot see it, performance does",
            {
                "mean error, points": 100 * float(np.mean([each.error for each in flipped])),
                "worst": 100 * max(each.error for each in flipped),
                "estimate alarms": sum(each.estimate_alarms for each in flipped),
                "labels alarm": sum(each.labels_alarm for each in flipped),
            },
        )
    )
    return found


def _regressions() -> list[Row]:
    found = []
    for shift in (0.0, 0.5, 1.0):
        each = [estimate_error(shift, seed=seed) for seed in range(MODELS)]
        errors = [100 * one.error / one.true for one in each]
        found.append(
            _row(
                f"DLE, RMSE, columns moved by {shift:g} σ (error in percent of the RMSE)",
                {"mean error, points": float(np.mean(errors)), "worst": max(errors),
                 "estimate alarms": sum(one.estimate_alarms for one in each)},
            )
        )  # fmt: skip
    return found


def _memory() -> Iterator[Row]:
    for rows in (10**5, 10**6, 10**7, 10**8):
        found = memory("fold", rows)
        yield _row(
            f"folding {rows:,} rows × 20 columns",
            {"peak MiB": found["peak"], "growth MiB": found["growth"], "CPU s": found["seconds"]},
        )
    for rows in (10**5, 3 * 10**6):
        with with_log(rows // 100_000) as folder:
            yield _row(f"a pass an hour over {rows:,} logged rows", {"peak MiB": memory("pass", rows, folder)["peak"]})


def _times() -> Iterator[Row]:
    world, watch = watched()
    with tempfile.TemporaryDirectory(prefix="mlb-") as folder:
        rounds = [pass_times(Path(folder), world, watch) for _ in range(6)][1:]
    for name, words in (("decode", "decode from Parquet"), ("fold", "fold"), ("detectors", "three detectors"),
                        ("pass", "the whole pass")):  # fmt: skip
        yield _row(f"an hour of 100,000 rows: {words}", {"CPU s": median(each[name] for each in rounds)})
