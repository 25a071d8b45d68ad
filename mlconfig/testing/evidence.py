"""What the laws of a detector are tried on: a window beside its reference, with all parts that a detector may read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from mlconfig.contracts import Context, Detector, Evidence, LabelEvidence, ScoreEvidence, WindowFacts
from mlconfig.contracts.catalog import Catalog
from mlconfig.profiles.histogram import histogram
from mlconfig.profiles.profile import fit_layout, profile_of
from mlconfig.profiles.scores import count_scores, score_positions
from mlconfig.records.columns import LABEL_VALUE, PREDICTION_VALUE
from mlconfig.records.service import LATENCY_SCALE, ServiceStats
from mlconfig.sections.evaluation import Fairness
from mlconfig.vocabulary import Kind, Task

Array = np.ndarray[Any, Any]
KINDS: dict[str, Kind] = {"income": "numeric", "größe": "numeric", "plan": "categorical", "member": "boolean"}
GROUPS = ("plan",)
ROWS, ALPHA = 4000, 1e-4
MONTH = 30 * 86_400.0


def rows(*, seed: int = 0, count: int = ROWS, gross: bool = False, null: bool = False) -> pa.Table:
    """Rows of two numeric columns that go together, a categorical and a boolean one; ``gross``: all of them moved far;
    ``null``: nothing else.
    """
    rng = np.random.default_rng(seed)
    wealth, noise = rng.normal(size=(2, count))
    income, size = np.exp(8.0 + 0.5 * wealth), 1.7 + 0.08 * wealth + 0.06 * noise
    plans = np.asarray(["basic", "pro", "team"], dtype=object)[rng.choice(3, count, p=[0.6, 0.3, 0.1])]
    member = rng.random(count) < 0.5
    if gross:
        income, size = income * 20.0 + 1e5, size + 2.0
        plans, member = np.where(rng.random(count) < 0.9, "never seen", plans), np.ones(count, dtype=bool)
    hidden = np.ones(count, dtype=bool) if null else rng.random(count) < 0.01
    kinds = {"income": pa.float64(), "größe": pa.float32(), "plan": pa.string(), "member": pa.bool_()}
    columns = zip(kinds, (income, size.astype(np.float32), plans, member), strict=True)
    return pa.table({name: pa.array(values, kinds[name], mask=hidden) for name, values in columns})


def evidence(plugin: Detector, window: pa.Table, *, right: float = 0.9) -> Evidence:
    """A window beside the reference, with the parts that the detector reads.

    Args:
        plugin: the detector.
        window: its rows, as ``rows`` makes them.
        right: share of right answers. With fewer than half, all else is wrong as well: the model is unsure and passes over
            a group, the endpoint fails, rows are missing, doubled, old and refused.
    """
    reference, reads, wrong = rows(), plugin.tags.reads, right < 0.5
    layout = fit_layout(reference, KINDS)
    task: Task = "binary" if "binary" in plugin.tags.tasks else min(plugin.tags.tasks)
    by_row, count = "rows" in reads, window.num_rows
    return Evidence(
        reference=profile_of(layout, reference), current=profile_of(layout, window), columns=tuple(KINDS), alpha=ALPHA,
        rows=_answered(window) if by_row else None, reference_rows=reference if by_row else None,
        holdout=_holdout() if by_row else None, labels=_labels(task, window, right) if "labels" in reads else None,
        scores=_scores(task, window, wrong=wrong) if "scores" in reads and task != "regression" else None,
        service=_service(count, wrong=wrong) if "service" in reads else None,
        facts=_facts(count, wrong=wrong) if "facts" in reads else None,
        fairness=Fairness(groups=GROUPS), metric_name=_metric_of(task), notes={"seed": 1.0},
    )  # fmt: skip


def silent(plugin: Detector) -> Evidence:
    """A window without rows where many were expected, the last of which came a month ago."""
    facts = WindowFacts(0, expected_rows=10_000.0, newest_age=MONTH)
    layout = fit_layout(rows(), KINDS)
    nobody = profile_of(layout, rows(count=0))
    given = evidence(plugin, rows(count=0))
    return Evidence(given.reference, nobody, given.columns, ALPHA, facts=facts, service=given.service)


def _metric_of(task: Task) -> str:
    return "rmse" if task == "regression" else "accuracy"


def _answered(window: pa.Table) -> pa.Table:
    value = np.linspace(0.0, 1.0, window.num_rows)
    return window.append_column(PREDICTION_VALUE, pa.array(value))


def _holdout() -> pa.Table:
    """Held-out rows with truth: the error is five times as large for those of a great ``größe``."""
    held = _answered(rows(seed=5))
    large = np.asarray(held.column("größe").to_numpy(), np.float64) > 1.8
    error = np.random.default_rng(6).normal(size=len(held)) * np.where(large, 5.0, 1.0)
    return held.append_column(LABEL_VALUE, pa.array(held.column(PREDICTION_VALUE).to_numpy() + error))


def _levels(window: pa.Table) -> Array:
    return np.array(window.column("plan").to_pylist(), dtype=object)


def _labels(task: Task, window: pa.Table, right: float) -> LabelEvidence:
    count, rng = window.num_rows, np.random.default_rng(9)
    metric = Catalog().create("metric", _metric_of(task), {}, Context())
    more = {"coverage": 1.0, "metric_name": _metric_of(task), "groups": {"plan": _levels(window)}, "total": count}
    if task == "regression":
        y = rng.normal(size=count)
        return LabelEvidence(task, metric, 1.0, y, y + rng.normal(size=count) * (2.0 - right) / 1.2, None, **more)
    classes = 2 if task == "binary" else 3
    y = rng.integers(0, classes, count)
    predicted = np.where(np.arange(count) < right * count, y, (y + 1) % classes)
    score = np.where(predicted == 1, 0.8, 0.2) if classes == 2 else np.full(count, 0.8)
    return LabelEvidence(task, metric, 0.9, y, predicted, score, **more)


def _scores(task: Task, window: pa.Table, *, wrong: bool) -> ScoreEvidence:
    """Sure answers, of either class alike; where all is wrong, unsure ones, and none of class 1 to levels never seen."""
    classes = 2 if task == "binary" else 3
    sides = []
    for table, unsure in ((rows(), False), (window, wrong)):
        levels, codes = _levels(table), np.arange(len(table)) % classes
        passed_over = np.isin(levels.astype(str), ["basic", "pro", "team"], invert=True) & unsure
        predicted, sure = np.where(passed_over, 0, codes), 0.55 if unsure else 0.9
        score = np.where(predicted == 1, sure, 1.0 - sure) if classes == 2 else np.full(len(table), sure)
        sides.append(count_scores(classes, predicted, score, {"plan": levels}))
    metric = Catalog().create("metric", "accuracy", {}, Context())
    return ScoreEvidence(task, sides[0], sides[1], score_positions().copy(), metric, "accuracy")


def _service(count: int, *, wrong: bool) -> ServiceStats:
    if not count:
        return ServiceStats()
    seconds = np.random.default_rng(10).lognormal(0.0 if wrong else -4.0, 0.3, count)
    latency = histogram(seconds, 0.0, LATENCY_SCALE)
    failed = count if wrong else 0
    return ServiceStats(count, 2 * failed, failed, failed, latency, float(seconds.sum()))


def _facts(count: int, *, wrong: bool) -> WindowFacts:
    if not wrong:
        return WindowFacts(count)
    return WindowFacts(
        count, expected_rows=1000.0 * ROWS, duplicate_fraction=0.9, newest_age=MONTH, missing=("größe",),
        rejected_fraction=0.9, requests=10 * count,
    )  # fmt: skip
