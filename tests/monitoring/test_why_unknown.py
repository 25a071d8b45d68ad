"""Why a signal over columns could say nothing: what is the case, and not what the detector returned."""

import numpy as np
import pytest

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
