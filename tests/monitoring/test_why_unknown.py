"""Why a signal could say nothing: what is the case, and not what the detector returned."""

from types import SimpleNamespace

import numpy as np
import pytest

from mlconfig.monitoring.assess import _too_few_labels
from mlconfig.monitoring.table import what_was_found

ROWS = 600
CORRELATION = {"multivariate_drift": {"name": "correlation"}}


@pytest.fixture
def log(new_log):
    return new_log()


def reason(log, watched, **columns):
    log.hour(0, ROWS, **columns)
    found = log.passed(watched, 1).verdicts
    (verdict,) = (each for each in found if each.signal == "multivariate_drift")
    assert (verdict.vote, verdict.state) == (None, "unknown")
    return verdict.reason


@pytest.mark.parametrize(
    ("looks_at", "columns", "said"),
    [
        ("auto", ("x",), "the window has no value in `x`, and only rows with all numeric columns count"),
        ("auto", ("x", "z"), "the window has no value in `x`, `z`, and only rows with all numeric columns count"),
        (["x"], (), "`correlation` needs 2 numeric columns, and looks at 1"),
        (["plan", "x"], (), "`correlation` needs 2 numeric columns, and looks at 1"),
    ],
)
def test_columns_that_lack_values_are_named(log, watch, looks_at, columns, said):
    signals = {"multivariate_drift": {"name": "correlation", "columns": looks_at}}
    assert reason(log, watch(signals=signals), **{name: np.full(ROWS, np.nan) for name in columns}) == said


def test_rows_that_lack_one_column_or_the_other_are_no_missing_column(log, watch):
    odd = np.arange(ROWS) % 2 == 0
    x, z = np.where(odd, np.nan, 1.0), np.where(odd, 1.0, np.nan)
    assert reason(log, watch(signals=CORRELATION), x=x, z=z) == "`correlation` found too little to judge"


@pytest.mark.parametrize(
    ("task", "labelled", "y", "said"),
    [
        ("regression", 120, [1.5, 2.5], "120 of 600 predictions with a label, and 200 are needed"),
        ("binary", 120, [1, 1], "120 of 600 predictions with a label, and 200 are needed"),
        ("binary", 300, [1, 1], "300 of 600 predictions with a label, all of one class, and roc_auc needs two"),
        ("regression", 300, [1.5, 1.5], "300 of 600 predictions with a label, and r2 is not defined on them"),
    ],
)
def test_labels_that_are_too_few_are_counted_and_a_regression_has_no_classes(task, labelled, y, said):
    detector = SimpleNamespace(params=SimpleNamespace(min_rows=200))
    watched = SimpleNamespace(
        detectors={"performance": detector}, metric_name="r2" if task == "regression" else "roc_auc"
    )
    labels = SimpleNamespace(task=task, y=np.array(y))
    view = SimpleNamespace(rows=600, parts=SimpleNamespace(labelled=labelled, labels=labels))
    assert _too_few_labels(watched, view, "performance") == said


def test_a_figure_over_its_bound_that_proves_nothing_says_so(log, watch):
    log.hour(0, ROWS)
    (verdict,) = (each for each in log.passed(watch(), 1).verdicts if each.signal == "input_drift")
    over = verdict.findings[0].model_copy(
        update={"statistic": "selection_ratio", "drift_score": 0.32, "threshold": 0.2}
    )
    told = what_was_found(verdict.model_copy(update={"findings": (over,)}))
    assert told == "`x` selection_ratio 0.320 of 0.200: over it, but 600 rows are too few to rule out chance"
