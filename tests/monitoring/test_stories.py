"""Real data tell their known stories (``../shared/data/README.md``): columns that come alive, the day, cancellations, growth.

Each model is LightGBM on the first stretch of the rows, each window real rows in the order in which they came, each verdict a
pass's over the log by event time. What was told is printed: ``pytest -s``.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlconfig.contracts import Context
from mlconfig.contracts.catalog import Catalog
from mlconfig.monitoring.baseline import read_baseline
from mlconfig.monitoring.reference import HeldOut, make_baseline
from mlconfig.monitoring.run import PassInput, run_pass
from mlconfig.monitoring.watch import Watch
from mlconfig.records.signature import Signature, SignatureColumn
from mlconfig.sections.monitoring import Monitoring

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real data lie in ../shared/data, which is not there")

DAY = 86_400.0
LATER = 40 * 365 * DAY
"""Rows arrive so long after their event times: history is replayed."""
TREES = {"num_leaves": 31, "num_threads": 1, "verbose": -1, "deterministic": True, "seed": 0}
APART = {"domain": "none", "fairness": "none", "service": "none"}
ONLY_DRIFT = dict.fromkeys(
    ("data_quality", "multivariate_drift", "prediction_drift", "confidence", "performance", "estimated_performance"),
    "none",
)
LETTERS = {"ok": ".", "suspect": "s", "alert": "A", "lasting": "L", "unknown": "?"}


def seconds(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


class Story:
    """Rows in the order of time, a model of the first of them, and the reference that packaging would make of these."""

    def __init__(self, folder, frame, features, target, when, learned, metric):
        self.frame, self.features, self.when, self.learned = frame, features, np.asarray(when, float), learned
        self.y = frame[target].to_numpy(float)
        self.binary = metric == "accuracy"
        self.metric_name, self.metric = metric, Catalog().create("metric", metric, {}, Context())
        self.signature = Signature(
            name="story", task="binary" if self.binary else "regression", target=target,
            classes=(0, 1) if self.binary else (),
            columns=tuple(SignatureColumn(name=name, kind=self.kind(name)) for name in features),
        )  # fmt: skip
        known = np.flatnonzero(learned)
        held = np.sort(np.random.default_rng(0).permutation(known)[: len(known) // 5])
        self.score = self._scores(np.setdiff1d(known, held))
        self.answer = (self.score >= 0.5).astype(float) if self.binary else self.score
        self.at_evaluation = self.metric.score(self.y[held], self.answer[held])
        given = HeldOut(np.searchsorted(known, held), self.answer[held], self.score[held], self.y[held])
        files = make_baseline(self.table.take(pa.array(known)), self.signature, given, self.when[known], {}, 0)
        for name, data in files.items():
            (folder / name).write_bytes(data)
        self.baseline = read_baseline(folder)

    def kind(self, name):
        return "numeric" if pd.api.types.is_numeric_dtype(self.frame[name]) else "categorical"

    @cached_property
    def table(self):
        return pa.table({name: pa.array(self.frame[name], from_pandas=True) for name in self.features})

    def _scores(self, rows):
        x = self.frame[self.features].copy()
        for name in self.features:
            if self.kind(name) == "categorical":
                x[name] = pd.Categorical(x[name], categories=sorted(x[name].iloc[rows].dropna().unique()))
        objective = {"objective": "binary" if self.binary else "regression"}
        data = lightgbm.Dataset(x.iloc[rows], self.y[rows])
        return np.asarray(lightgbm.train({**TREES, **objective}, data, 100).predict(x))

    def watch(self, baseline=None, signals=None, reference=None, **monitoring):
        own = {} if self.binary else {"confidence": "none", "estimated_performance": {"name": "dle"}}
        settings = {"time": "event", "scales": [], "min_rows": 20, "reference": {"min_rows": 1000, **(reference or {})}}
        section = Monitoring.model_validate({**settings, "signals": {**APART, **own, **(signals or {})}, **monitoring})
        catalog = Catalog()
        detectors = {
            name: catalog.create("detector", signal.name, signal.params, Context())
            for name, signal in section.signals.items()
        }
        return Watch(
            "story", "1", section, self.signature, baseline or self.baseline, self.metric, self.at_evaluation, detectors,
            metric_name=self.metric_name,
        )  # fmt: skip

    def told(self, rows, edit=lambda table: table, **watched):
        """All verdicts on some rows, by signal, oldest window first."""
        log = Replay(self, rows, edit(self.table.take(pa.array(rows))))
        verdicts = run_pass(
            PassInput(self.watch(**watched), log, (), float(self.when[rows].max()) + 2 * LATER)
        ).verdicts
        found = {}
        for verdict in verdicts:
            found.setdefault(verdict.signal, []).append(verdict)
        for signal, each in found.items():
            print(f"{signal:22s} {states(each)}  {sorted(names(*each))}  {sorted({v.cause for v in each if v.cause})}")
        return found


class Replay:
    """The rows as a prediction log has them, each labelled at once."""

    def __init__(self, story, rows, inputs):
        when, ids = story.when[rows], [str(row) for row in rows]
        as_json = (lambda value: json.dumps(int(value))) if story.binary else (lambda value: json.dumps(float(value)))
        scores = story.score[rows]
        self.table = pa.table(
            {
                "prediction_id": ids,
                "arrived": when + LATER,
                "event_time": when,
                "version": ["1"] * len(rows),
                "prediction": [as_json(value) for value in story.answer[rows]],
                "score": scores,
                "probabilities": [[1 - p, p] if story.binary else None for p in scores],
                "inputs": pa.StructArray.from_arrays([c.combine_chunks() for c in inputs.columns], inputs.column_names),
            }
        )
        self._labels = pa.table(
            {
                "prediction_id": ids,
                "key": pa.nulls(len(ids), pa.string()),
                "label": [as_json(value) for value in story.y[rows]],
                "label_version": np.ones(len(ids), np.int64),
                "arrived": when + LATER,
            }
        )

    def blocks(self, since=None, until=None, time="event", version=None, columns=()):
        moments = self.table.column("event_time").to_numpy()
        low, high = -np.inf if since is None else since, np.inf if until is None else until
        kept = self.table.filter(pa.array((moments >= low) & (moments < high))).select(list(columns))
        yield from (kept.slice(first, 4000) for first in range(0, len(kept), 4000))

    def label_blocks(self, _since=None):
        return [self._labels]


def states(verdicts):
    return "".join(LETTERS[verdict.state] for verdict in verdicts)


def names(*verdicts):
    return {str(f.column) for verdict in verdicts for f in verdict.findings if f.is_drift and f.column is not None}


def votes(verdicts):
    return sum(bool(verdict.vote) for verdict in verdicts)


# --- electricity: half-hourly from 7 May 1996; Victoria's columns are constant until 2 May 1997

ELECTRICITY = ["nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"]
VICTORIA = {"vicprice", "vicdemand", "transfer"}


def electricity(folder, learned, when=None):
    frame = pd.read_csv(DATA / "electricity" / "elec.csv")
    rows = np.arange(len(frame))
    moments = seconds("1996-05-07") + 1800.0 * rows if when is None else when(rows)
    return Story(folder, frame, ELECTRICITY, "class", moments, learned(rows), "accuracy")


def test_electricity_columns_that_come_alive_are_named_and_nothing_is_called_broken(tmp_path):
    story = electricity(tmp_path, lambda rows: rows < 8000)
    told = story.told(np.arange(8000, 30_000), every="28d")
    alive = seconds("1997-05-02")
    before = [v for v in told["input_drift"] if v.window.end <= alive]
    since = [v for v in told["input_drift"] if v.window.end > alive]
    assert names(*before) & VICTORIA == set()
    assert all(names(verdict) >= VICTORIA for verdict in since)
    for verdict in since:
        moved = sorted(verdict.findings, key=lambda finding: -finding.drift_score)
        assert {finding.column for finding in moved[:3]} == VICTORIA
    quality = next(v for v in told["data_quality"] if v.window.end > alive)
    assert names(quality) == VICTORIA
    assert "outside the reference's range" in next(f.message for f in quality.findings if f.is_drift)
    assert "pipeline_break" not in {verdict.cause for each in told.values() for verdict in each}
    assert since[-1].state == "lasting"
    assert since[-1].cause == "lasting_drift"
    assert told["performance"][-1].state == "lasting"  # 0.85 at evaluation, 0.66 by then


def test_electricity_a_live_column_that_goes_constant_is_a_break(tmp_path):
    story = electricity(tmp_path, lambda rows: (rows >= 20_000) & (rows < 30_000))
    rows = np.arange(30_000, 35_000)

    def stuck(table):
        values = table.column("transfer").to_numpy().copy()
        values[2500:] = 0.414912
        return table.set_column(table.column_names.index("transfer"), "transfer", pa.array(values))

    whole = story.told(rows, every="7d")
    broken = story.told(rows, stuck, every="7d")
    since = story.when[rows[2500]]
    assert "pipeline_break" not in {verdict.cause for each in whole.values() for verdict in each}
    after = [verdict for verdict in broken["input_drift"] if verdict.window.start >= since]
    assert {verdict.cause for verdict in after} == {"pipeline_break"}
    assert all("transfer" in names(verdict) for verdict in after)
    assert after[-1].state in ("alert", "lasting")
    assert "retraining on broken rows makes it worse" in after[-1].advice


def test_electricity_demand_goes_by_the_clock_and_that_is_no_drift(tmp_path):
    """The days of the first year dealt in turn to 41 days of eight times the rows, so that only the time of day moves."""

    def dealt(rows):
        day = rows // 48
        return seconds("1996-05-06") + (day % 41) * DAY + (rows % 48) * 1800.0 + day // 41

    year = 41 * 8 * 48
    story = electricity(tmp_path, lambda rows: (rows < year) & (rows // 48 % 41 < 28), dealt)
    live = np.arange(year)[np.arange(year) // 48 % 41 >= 28]
    alone = replace(story.baseline, clusters=None)  # rows taken as independent
    watched = {"every": "3h", "signals": {**ONLY_DRIFT, "input_drift": {"columns": ["nswdemand"]}}, "baseline": alone}
    told = story.told(live, **watched)["input_drift"]
    plain = story.told(live, reference={"season": "none"}, **watched)["input_drift"]
    assert {verdict.reference for verdict in told} == {"training rows at these hours of the day"}
    assert len(told) == len(plain) >= 100
    assert "A" not in states(told)
    assert votes(told) <= len(told) // 8  # eight days of a year are still alike
    assert votes(plain) >= len(plain) // 3
    assert "L" in states(plain)
    known = story.told(live, **{**watched, "baseline": story.baseline})["input_drift"]
    assert votes(known) == 0
    psi = [np.median([v.findings[0].drift_score for v in each]) for each in (told, plain)]
    assert psi[0] < 0.65 * psi[1]


# --- hotel_bookings: the cancel rate is 0.32 to 0.37 until October 2015, and more from then on

MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December"]  # fmt: skip
NOT_FEATURES = {
    "is_canceled", "reservation_status", "reservation_status_date", "arrival_date_year", "arrival_date_month",
    "arrival_date_week_number", "arrival_date_day_of_month",
}  # fmt: skip


def test_hotel_bookings_a_frozen_model_decays_and_the_month_is_told(tmp_path):
    frame = pd.read_csv(
        DATA / "hotel_bookings" / "hotel_bookings.csv", na_values=["NULL"], dtype={"agent": str, "company": str}
    )
    month = frame.arrival_date_month.map(MONTHS.index) + 1
    when = [
        datetime(y, m, d, tzinfo=UTC).timestamp()
        for y, m, d in zip(frame.arrival_date_year, month, frame.arrival_date_day_of_month, strict=True)
    ]
    order = np.argsort(when, kind="stable")
    frame, when = frame.iloc[order].reset_index(drop=True), np.asarray(when)[order]
    features = [name for name in frame.columns if name not in NOT_FEATURES]
    story = Story(tmp_path, frame, features, "is_canceled", when, when < seconds("2015-11-01"), "accuracy")
    live = np.flatnonzero(when >= seconds("2015-11-01"))
    few = {"suspect": [2, 3], "alert": [3, 4], "lasting": [6, 8]}
    told = story.told(live, every="30d", persistence=few)
    drift, performance, answers = (told[name] for name in ("input_drift", "performance", "prediction_drift"))
    assert names(drift[0]) >= {"hotel", "agent"}  # from November on only one of the two hotels is there
    assert drift[-1].state == "lasting"
    assert drift[-1].since == seconds("2015-11-01")
    assert {verdict.cause for verdict in drift} <= {"spike", "lasting_drift", None}
    assert performance[-1].state == "lasting"
    assert performance[-1].cause == "lasting_drift"
    assert seconds("2015-11-01") <= performance[-1].since <= seconds("2016-02-01")
    assert performance[-1].findings[0].details["value"] < 0.5
    assert votes(answers) >= len(answers) // 2
    estimated = told["estimated_performance"]
    blind = [
        e.findings[0].details["value"] - p.findings[0].details["value"]
        for e, p in zip(estimated, performance, strict=True)
    ]
    assert max(blind[-4:]) > 0.3  # what is true of the same booking has changed: only labels can tell


# --- bike_sharing: the weather of 2012 is that of 2011, the number of riders is not

BIKES = ["hr", "holiday", "weekday", "workingday", "weathersit", "temp", "hum", "windspeed"]


@pytest.mark.parametrize("every", ["7d", "30d"])
def test_bike_sharing_an_ordinary_month_is_the_calendar_and_no_break(tmp_path, every):
    frame = pd.read_csv(DATA / "bike_sharing" / "hour.csv")
    days = pd.to_datetime(frame.dteday, format="%m/%d/%y")
    when = np.array([day.replace(tzinfo=UTC).timestamp() for day in days]) + 3600.0 * frame.hr.to_numpy()
    story = Story(tmp_path, frame, ["mnth", *BIKES], "cnt", when, when < seconds("2012-01-01"), "rmse")
    live = np.flatnonzero(when >= seconds("2012-01-01"))
    known = story.told(live, every=every)
    assert "pipeline_break" not in {verdict.cause for each in known.values() for verdict in each}
    only = {**ONLY_DRIFT, "input_drift": {"name": "ks", "columns": ["mnth"]}}  # knows nothing of rows that are alike
    drift = story.told(live, every=every, signals=only)["input_drift"]
    assert votes(drift) == len(drift)
    within = [verdict for verdict in drift if verdict.findings[0].details["top_share"] >= 0.9]
    assert {verdict.cause for verdict in within} == {"season"}
    assert "pipeline_break" not in {verdict.cause for verdict in drift}


def test_bike_sharing_weather_is_no_drift_and_growth_is_told_by_performance(tmp_path):
    frame = pd.read_csv(DATA / "bike_sharing" / "hour.csv")
    days = pd.to_datetime(frame.dteday, format="%m/%d/%y")
    when = np.array([day.replace(tzinfo=UTC).timestamp() for day in days]) + 3600.0 * frame.hr.to_numpy()
    story = Story(tmp_path, frame, BIKES, "cnt", when, when < seconds("2012-01-01"), "rmse")
    live = np.flatnonzero(when >= seconds("2012-01-01"))
    weeks = story.told(live, every="7d")["input_drift"]
    assert len(weeks) == 52
    assert votes(weeks) <= 8
    assert "A" not in states(weeks)
    assert "s" not in states(weeks)[:40]
    independent = replace(story.baseline, clusters=None)
    taken = story.told(live, every="7d", baseline=independent)["input_drift"]
    assert votes(taken) >= 45  # without what is known of alike rows each week is drift

    few = {"suspect": [2, 3], "alert": [3, 4], "lasting": [6, 8]}
    months = story.told(live, every="28d", persistence=few)
    performance = months["performance"]
    assert performance[-1].state == "lasting"
    assert performance[-1].since <= seconds("2012-03-15")
    assert performance[-1].findings[0].details["value"] > 2 * story.at_evaluation
    assert months["data_quality"][-1].state == "ok"
