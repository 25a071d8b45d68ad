"""Performance by labels, by few of them, and by none: what is measured, what is estimated, and when it is a drop."""

import numpy as np
import pytest

from mlconfig.builtin.detector_cbpe import Cbpe
from mlconfig.builtin.detector_confidence import Confidence
from mlconfig.builtin.detector_performance import Performance
from mlconfig.builtin.metrics_classification import F1, Accuracy, MatthewsCorrcoef
from mlconfig.builtin.metrics_probability import AveragePrecision, BrierScoreLoss, LogLoss, RocAuc
from mlconfig.builtin.metrics_regression import Rmse
from mlconfig.contracts import Evidence, LabelEvidence, ScoreEvidence
from mlconfig.contracts.metric import Metric
from mlconfig.errors import PluginError
from mlconfig.profiles.profile import fit_layout, profile_of
from mlconfig.profiles.scores import SCORE_BUCKETS, count_scores, empty_scores, score_bucket, score_positions

ALPHA = 1e-4
NOTHING = profile_of(fit_layout({"x": np.zeros(1)}, {"x": "numeric"}), {"x": np.zeros(1)})


def labelled(metric, reference, y, predicted, score=None, scores=None, name=""):
    task = "regression" if isinstance(metric, Rmse) else "binary"
    labels = LabelEvidence(task, metric, reference, y, predicted, score, 0.9, metric_name=name)
    return Evidence(NOTHING, NOTHING, (), ALPHA, labels=labels, scores=scores)


def answers(n, accuracy, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return y, np.where(rng.random(n) < accuracy, y, 1 - y)


@pytest.mark.parametrize(
    ("accuracy", "n", "dropped"), [(0.9, 1000, False), (0.88, 1000, False), (0.8, 1000, True), (0.8, 210, True)]
)
def test_a_drop_beyond_doubt_is_one(accuracy, n, dropped):
    (finding,) = Performance().check(labelled(Accuracy(), 0.9, *answers(n, accuracy)))
    assert finding.is_drift == dropped
    assert finding.details["low"] < finding.details["value"] < finding.details["high"]
    assert finding.details["coverage"] == 0.9


def test_a_floor_of_ones_own():
    y, predicted = answers(2000, 0.8)
    assert not Performance(Performance.Params(max_drop=0.2)).check(labelled(Accuracy(), 0.9, y, predicted))[0].is_drift
    strict = Performance(Performance.Params(max_drop=0.2, min=0.85))
    assert strict.check(labelled(Accuracy(), 0.9, y, predicted))[0].is_drift


def test_errors_drop_relatively():
    y = np.random.default_rng(0).normal(100, 30, 1000)
    noise = np.random.default_rng(1).normal(size=1000)
    assert not Performance().check(labelled(Rmse(), 10.0, y, y + 10.2 * noise))[0].is_drift
    (finding,) = Performance().check(labelled(Rmse(), 10.0, y, y + 12 * noise))
    assert finding.is_drift
    assert finding.drift_score == pytest.approx(0.2, abs=0.06)
    assert finding.threshold == pytest.approx(0.03)
    with pytest.raises(PluginError, match="`min` bounds nothing for this metric"):
        Performance(Performance.Params(min=1.0)).check(labelled(Rmse(), 10.0, y, y))


def test_too_few_or_undefined_says_nothing():
    assert Performance().check(labelled(Accuracy(), 0.9, *answers(199, 0.2))) == ()
    one_class = np.zeros(500, int)
    assert Performance().check(labelled(RocAuc(), 0.9, one_class, one_class, np.linspace(0, 1, 500))) == ()
    with pytest.raises(PluginError, match="the log holds none"):
        Performance().check(labelled(RocAuc(), 0.9, one_class, one_class))


def world(rng, n, mean=0.0, spread=1.0):
    """Inputs, truth and the scores of a model that is too sure of itself; the truth of an input never changes."""
    x = rng.normal(mean, spread, n)
    y = (rng.random(n) < 1 / (1 + np.exp(-(1.5 * x - 0.3)))).astype(int)
    score = 1 / (1 + np.exp(-(3.0 * x - 0.3)))
    return y, score, (score >= 0.5).astype(int)


def calibration_of(y, score):
    """The share of class 1 by bucket, from the nearest rows."""
    order = np.argsort(score)
    kernel = np.ones(401) / 401
    smooth = np.convolve(np.pad(y[order].astype(float), 200, mode="edge"), kernel, "valid")
    return np.interp(np.arange(SCORE_BUCKETS), score_bucket(score[order]), smooth)


def scored(reference, current, calibration, metric=None, name=""):
    counts = [count_scores(2, predicted, score) for _, score, predicted in (reference, current)]
    return ScoreEvidence("binary", *counts, calibration, metric or Accuracy(), name)


def of_scores(scores, alpha=ALPHA):
    return Evidence(NOTHING, NOTHING, (), alpha, scores=scores)


HELD_OUT = world(np.random.default_rng(0), 20_000)
CALIBRATION = calibration_of(*HELD_OUT[:2])
SHIFTS = {
    "none": (0.0, 1.0),
    "towards the edge": (0.1, 0.4),
    "apart": (0.0, 2.0),
    "aside": (1.0, 0.7),
    "back": (-1.2, 1.0),
}


def test_few_labels_and_all_scores_give_an_interval_that_holds_the_truth_and_is_shorter():
    held, lengths, rng = 0, [], np.random.default_rng(1)
    for _ in range(200):
        y, score, predicted = window = world(rng, 4000, 0.2, 0.8)
        scores = scored(HELD_OUT, window, CALIBRATION)
        few = rng.choice(4000, 120, replace=False)
        given = labelled(Accuracy(), 0.8, y[few], predicted[few], score[few], scores, "accuracy")
        (finding,) = Performance().check(given)
        low, high = finding.details["low"], finding.details["high"]
        held += low <= float((y == predicted).mean()) <= high
        plain = float((y[few] == predicted[few]).std()) * 1.98 / np.sqrt(120)
        lengths.append((high - low) / 2 / plain)
        assert finding.details["rows"] == 120
        assert finding.details["scored_rows"] == 4000
    assert held >= 182  # of 190 expected; eight are 2.6 standard deviations
    assert np.mean(lengths) < 0.97
    assert "prediction-powered, from 120 labels and 4,000 scores" in finding.message


def test_labels_correct_what_scores_get_wrong():
    rng = np.random.default_rng(2)
    y, score, predicted = world(rng, 5000)
    y = np.where(rng.random(5000) < 0.3, 1 - y, y)  # the truth has changed, the scores have not
    scores = scored(HELD_OUT, (y, score, predicted), CALIBRATION)
    given = labelled(Accuracy(), 0.8, y[:150], predicted[:150], score[:150], scores, "accuracy")
    (finding,) = Performance().check(given)
    assert finding.is_drift
    assert finding.details["value"] == pytest.approx(float((y == predicted).mean()), abs=0.08)
    (blind,) = Cbpe().check(of_scores(scores))
    assert not blind.is_drift


def test_without_scores_or_for_another_metric_few_labels_say_nothing():
    y, score, predicted = window = world(np.random.default_rng(3), 199)
    scores = scored(HELD_OUT, window, CALIBRATION)
    assert Performance().check(labelled(Accuracy(), 0.8, y, predicted, score, None, "accuracy")) == ()
    assert Performance().check(labelled(F1(), 0.8, y, predicted, score, scores, "f1")) == ()
    few = labelled(Accuracy(), 0.8, y[:49], predicted[:49], score[:49], scores, "accuracy")
    assert Performance().check(few) == ()
    assert Performance().check(Evidence(NOTHING, NOTHING, (), ALPHA, scores=scores)) == ()


@pytest.mark.parametrize("shift", SHIFTS, ids=SHIFTS.get)
def test_estimates_without_labels_are_within_a_point_of_the_truth(shift):
    y, score, predicted = current = world(np.random.default_rng(4), 50_000, *SHIFTS[shift])
    metrics = {"accuracy": Accuracy(), "f1": F1(), "roc_auc": RocAuc(), "brier_score_loss": BrierScoreLoss()}
    for name, metric in metrics.items():
        (finding,) = Cbpe().check(of_scores(scored(HELD_OUT, current, CALIBRATION, metric, name)))
        truth = metric.score(y, score if metric.tags.reads == "score" else predicted)
        assert finding.details["value"] == pytest.approx(truth, abs=0.01), name
        assert finding.details["accuracy_instead"] == 0.0
        assert finding.message.startswith(f"estimated {name} ")


@pytest.mark.parametrize("metric", [Accuracy(), MatthewsCorrcoef(), RocAuc(), AveragePrecision(), LogLoss()], ids=type)
def test_a_drop_is_estimated_in_the_metrics_own_direction(metric):
    harder = world(np.random.default_rng(5), 5000, *SHIFTS["towards the edge"])
    same = world(np.random.default_rng(6), 5000)
    (dropped,) = Cbpe().check(of_scores(scored(HELD_OUT, harder, CALIBRATION, metric)))
    (kept,) = Cbpe().check(of_scores(scored(HELD_OUT, same, CALIBRATION, metric)))
    assert dropped.is_drift
    assert dropped.drift_score > dropped.threshold > 0.03
    assert not kept.is_drift
    assert kept.details["low"] < kept.details["value"] < kept.details["high"]


@pytest.mark.parametrize("n", [200, 1000, 5000])
def test_estimates_and_confidence_rarely_alarm_where_nothing_changed(n):
    rng, alpha = np.random.default_rng(n), 0.02
    strict = [Cbpe(Cbpe.Params(max_drop=0.0, resamples=50)), Confidence(Confidence.Params(max_drop=0.0))]
    alarms = [0, 0]
    for _ in range(150):
        given = of_scores(scored(world(rng, 10_000), world(rng, n), CALIBRATION), alpha)
        for place, detector in enumerate(strict):
            alarms[place] += detector.check(given)[0].is_drift
    assert max(alarms) <= 10  # 3 expected at 2 %; four standard deviations more
    assert not Cbpe().check(given)[0].is_drift
    assert not Confidence().check(given)[0].is_drift


@pytest.mark.parametrize("shift", ["none", "apart", "towards the edge"])
def test_confidence_tells_how_far_it_fell(shift):
    window = world(np.random.default_rng(7), 3000, *SHIFTS[shift])
    (finding,) = Confidence().check(of_scores(scored(HELD_OUT, window, CALIBRATION)))
    sure = [np.maximum(score, 1 - score).mean() for _, score, _ in (HELD_OUT, window)]
    assert finding.drift_score == pytest.approx(sure[0] - sure[1], abs=0.002)
    assert finding.details["value"] == pytest.approx(sure[1], abs=0.002)
    assert finding.is_drift == (shift == "towards the edge")
    assert f"drop {finding.drift_score:.3f}" in finding.message


def test_a_few_answers_that_are_alike_prove_nothing():
    alike = np.ones(3, int), np.full(3, 0.55), np.ones(3, int)
    given = of_scores(scored(HELD_OUT, alike, CALIBRATION))
    assert not Cbpe().check(given)[0].is_drift
    assert not Confidence().check(given)[0].is_drift


def multiclass(metric, name, shares, n=4000):
    """Answers of three classes with these scores, each right as often as it says."""
    rng = np.random.default_rng(8)
    sides = [count_scores(3, rng.integers(0, 3, n), rng.choice([0.4, 0.9], n, p=p)) for p in ([0.1, 0.9], shares)]
    return of_scores(ScoreEvidence("multiclass", *sides, score_positions(), metric, name))


def test_of_many_classes_the_accuracy_is_estimated_and_it_is_said_in_whose_place():
    (same,) = Cbpe().check(multiclass(Accuracy(), "accuracy", [0.1, 0.9]))
    (worse,) = Cbpe().check(multiclass(LogLoss(), "log_loss", [0.6, 0.4]))
    assert not same.is_drift
    assert same.details["value"] == pytest.approx(0.85, abs=0.01)
    assert same.details["accuracy_instead"] == 0.0
    assert worse.is_drift
    assert worse.details["value"] == pytest.approx(0.6, abs=0.02)
    assert worse.details["accuracy_instead"] == 1.0
    assert worse.message.endswith("(log_loss cannot be had from counts of scores)")
    assert Confidence().check(multiclass(Accuracy(), "accuracy", [0.6, 0.4]))[0].is_drift


class WholeRows(Metric):
    """Takes no weights."""

    def score(self, y, predicted):
        return float((y == predicted).mean())


def test_a_metric_of_whole_rows_is_estimated_as_accuracy():
    (finding,) = Cbpe().check(of_scores(scored(HELD_OUT, HELD_OUT, CALIBRATION, WholeRows(), "mine")))
    assert finding.details["accuracy_instead"] == 1.0
    assert "(mine cannot be had from counts of scores)" in finding.message


def test_without_answers_or_a_defined_metric_nothing_is_said():
    nobody = ScoreEvidence("binary", empty_scores(2), empty_scores(2), CALIBRATION, Accuracy())
    for detector in (Cbpe(), Confidence()):
        assert detector.check(of_scores(nobody)) == ()
        assert detector.check(of_scores(None)) == ()
    certain = scored(HELD_OUT, HELD_OUT, np.ones(SCORE_BUCKETS), RocAuc())
    assert Cbpe().check(of_scores(certain)) == ()
