"""Errors of a regression before labels come: they grow where rows move to where the model errs more, and nowhere else."""

import pickle

import numpy as np
import pyarrow as pa
import pytest

from mlconfig.builtin.detector_dle import Dle
from mlconfig.contracts import Evidence
from mlconfig.profiles.profile import fit_layout, profile_of

KINDS = {"x": "numeric", "z": "numeric", "k": "categorical"}
ALPHA = 1e-4


def table(n, seed, mean=0.0, *, truth=False):
    """The error grows with ``x`` and is twice as large for ``k`` = a."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(mean, 1, n), rng.normal(size=n)
    k = rng.choice(np.array(["a", "b", "c"], object), n)
    error = np.exp(0.6 * x) * np.where(k == "a", 1.0, 0.5) * rng.normal(size=n)
    columns = {"x": x, "z": z, "k": k, "prediction.value": 2 * x + z}
    return pa.table({**columns, "label.value": 2 * x + z + error} if truth else columns), error


HOLDOUT, HELD_OUT_ERRORS = table(4000, 0, truth=True)
REFERENCE = profile_of(fit_layout(HOLDOUT, KINDS), HOLDOUT)


def estimated(window, detector=None, holdout=HOLDOUT, metric="rmse", alpha=ALPHA):
    given = Evidence(
        REFERENCE, REFERENCE, tuple(KINDS), alpha, random_state=1, rows=window, holdout=holdout, metric_name=metric
    )
    found = (detector or Dle()).check(given)
    return found[0] if found else None


@pytest.mark.parametrize(("metric", "said"), [("rmse", "RMSE"), ("mean_absolute_error", "MAE"), ("mine", "MAE")])
@pytest.mark.parametrize(("mean", "drifts"), [(0.0, False), (-0.8, False), (0.7, True)])
def test_the_estimate_is_near_the_truth_and_only_more_error_is_a_drop(metric, said, mean, drifts):
    window, errors = table(4000, 1, mean)
    finding = estimated(window, metric=metric)
    truth, before = (
        np.sqrt((each**2).mean()) if said == "RMSE" else np.abs(each).mean() for each in (errors, HELD_OUT_ERRORS)
    )
    assert finding.details["value"] == pytest.approx(truth, rel=0.15)
    assert finding.details["reference"] == pytest.approx(before, rel=0.05)
    assert finding.is_drift == drifts
    assert finding.is_drift == (finding.drift_score > finding.threshold)
    assert finding.message.startswith(f"estimated {said} ")
    assert finding.details["floor"] == pytest.approx(1.03 * finding.details["reference"])


@pytest.mark.parametrize("n", [200, 1000, 5000])
def test_it_rarely_alarms_where_nothing_changed(n):
    alarms = 0
    for seed in range(25):
        detector = Dle(Dle.Params(max_drop=0.0))
        holdout, _ = table(1000, 100 + seed, truth=True)
        alarms += sum(estimated(table(n, 2 * seed + i)[0], detector, holdout, alpha=0.02).is_drift for i in (1, 2))
        assert not estimated(table(n, seed)[0], holdout=holdout, alpha=0.02).is_drift
    assert alarms <= 5  # of 50, in pairs that share their held-out rows; 1 is expected at 2 %


def test_held_out_rows_are_learned_from_once_and_are_not_carried_along():
    detector = Dle()
    window, _ = table(500, 1)
    first = estimated(window, detector)
    learned = detector._kept
    assert estimated(window, detector) == first
    assert detector._kept is learned
    other = estimated(window, detector, table(4000, 9, truth=True)[0])
    assert detector._kept is not learned
    assert other != first
    back = pickle.loads(pickle.dumps(detector))
    assert back._kept is None
    assert estimated(window, back) == first


def test_levels_that_no_held_out_row_has_are_taken():
    window, _ = table(500, 1)
    strange = window.set_column(2, "k", pa.array(["never seen"] * 250 + [None] * 250))
    assert estimated(strange).details["rows"] == 500


def test_without_answers_or_with_too_few_truths_nothing_is_said():
    window, _ = table(500, 1)
    assert estimated(None) is None
    assert estimated(window.slice(0, 0)) is None
    assert estimated(window, holdout=None) is None
    assert estimated(window, holdout=HOLDOUT.slice(0, 99)) is None
    unknown = HOLDOUT.set_column(4, "label.value", pa.nulls(4000, pa.float64()))
    assert estimated(window, holdout=unknown) is None
    perfect = HOLDOUT.set_column(4, "label.value", HOLDOUT.column("prediction.value"))
    assert estimated(window, holdout=perfect) is None
