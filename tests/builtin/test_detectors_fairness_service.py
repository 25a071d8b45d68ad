"""Fairness between groups, and an endpoint's service: beyond doubt, or not at all."""

from datetime import timedelta

import numpy as np
import pytest

from mlconfig.builtin.detector_fairness import GroupFairness
from mlconfig.builtin.detector_service import Service
from mlconfig.builtin.metrics_classification import Accuracy
from mlconfig.contracts import Evidence, LabelEvidence, ScoreEvidence
from mlconfig.profiles.histogram import histogram
from mlconfig.profiles.profile import fit_layout, profile_of
from mlconfig.profiles.scores import count_scores, score_positions
from mlconfig.records.service import LATENCY_SCALE, ServiceStats
from mlconfig.sections.evaluation import Fairness

ALPHA = 1e-4
NOTHING = profile_of(fit_layout({"x": np.zeros(1)}, {"x": "numeric"}), {"x": np.zeros(1)})


def compared(groups, rates, n, *, labels=False, seed=0, columns=("sex",), alpha=ALPHA, **bounds):
    """Groups that are chosen at these rates; with labels, all rows are of class 1, so those are true positive rates."""
    rng = np.random.default_rng(seed)
    level = np.array(groups, object)[rng.integers(0, len(groups), n)]
    chance = np.array(rates)[[groups.index(each) for each in level]]
    predicted = (rng.random(n) < chance).astype(int)
    table = count_scores(2, predicted, np.where(predicted, 0.8, 0.2), {"sex": level})
    scores = ScoreEvidence("binary", table, table, score_positions(), Accuracy())
    known = LabelEvidence("binary", Accuracy(), 0.9, np.ones(n, int), predicted, None, 1.0, groups={"sex": level})
    return Evidence(
        NOTHING, NOTHING, (), alpha, scores=None if labels else scores, labels=known if labels else None,
        fairness=Fairness(groups=columns, **bounds),
    )  # fmt: skip


def judged(*args, **more):
    return {finding.statistic: finding for finding in GroupFairness().check(compared(*args, **more))}


@pytest.mark.parametrize(
    ("rates", "n", "breach"),
    [([0.2, 0.4], 5000, True), ([0.35, 0.4], 5000, False), ([0.3, 0.4], 1200, False), ([0.0, 0.3], 1000, True)],
)
def test_selection_rates_count_beyond_doubt(rates, n, breach):
    finding = judged(["f", "m"], rates, n)["selection_ratio"]
    assert finding.is_drift == breach
    assert finding.column == "sex"
    assert finding.threshold == pytest.approx(0.2)
    assert finding.drift_score == pytest.approx(1 - rates[0] / rates[1], abs=0.1)
    assert finding.details["rate.m"] == pytest.approx(rates[1], abs=0.05)
    assert ("`sex=f` is chosen in" in finding.message) == breach


@pytest.mark.parametrize(("rates", "breach"), [([0.6, 0.9], True), ([0.85, 0.9], False), ([0.78, 0.9], False)])
def test_true_positive_rates_count_once_labels_are_there(rates, breach):
    found = judged(["f", "m"], rates, 1500, labels=True)
    assert list(found) == ["tpr_gap"]
    assert found["tpr_gap"].is_drift == breach
    assert found["tpr_gap"].drift_score == pytest.approx(rates[1] - rates[0], abs=0.05)
    assert found["tpr_gap"].threshold == 0.1
    assert bool(found["tpr_gap"].message) == breach


def test_small_groups_are_not_compared():
    found = judged(["f", "m", "x"], [0.4, 0.4, 0.4], 700)  # some 230 each
    assert found["selection_ratio"].details.keys() == {"ratio", "at_most", "rate.f", "rate.m", "rate.x"}
    assert judged(["f", "m"], [0.1, 0.9], 300) == {}
    assert judged(["f", "m"], [0.1, 0.9], 300, labels=True) == {}
    assert judged(["f", "m"], [0.1, 0.9], 300, min_rows=50)["selection_ratio"].is_drift


def test_nobody_chosen_no_groups_or_nothing_known_says_nothing():
    assert judged(["f", "m"], [0.0, 0.0], 2000) == {}
    assert judged(["f"], [0.4], 2000) == {}
    assert judged(["f", "m"], [0.1, 0.9], 2000, columns=("age",)) == {}
    assert judged(["f", "m"], [0.1, 0.9], 2000, columns=("age",), labels=True) == {}
    assert GroupFairness().check(Evidence(NOTHING, NOTHING, (), ALPHA, fairness=Fairness(groups=("sex",)))) == ()


def test_missing_levels_are_in_no_group():
    evidence = compared(["f", "m"], [0.3, 0.9], 1500, labels=True)
    evidence.labels.groups["sex"][:600] = None
    details = GroupFairness().check(evidence)[0].details
    assert {name for name in details if name.startswith("rate.")} == {"rate.f", "rate.m"}


@pytest.mark.parametrize("labels", [False, True])
def test_groups_at_the_very_bound_rarely_alarm_however_many_there_are(labels):
    groups, alpha = [f"g{i}" for i in range(6)], 0.1
    rates = [0.8] * 3 + [0.9] * 3 if labels else [0.32] * 3 + [0.4] * 3
    found = [judged(groups, rates, 3000, labels=labels, seed=seed, alpha=alpha) for seed in range(60)]
    assert sum(finding.is_drift for each in found for finding in each.values()) <= 6  # at most 6 are expected


def stats(answered=1000, rejected=0, errors=0, fallback=0, latency=0.02, seed=0, slow=0.0):
    """Answers in about ``latency`` seconds; a share ``slow`` takes twenty times that."""
    rng = np.random.default_rng(seed)
    seconds = latency * rng.lognormal(0, 0.3, answered) * np.where(rng.random(answered) < slow, 20.0, 1.0)
    counts = histogram(seconds, 0.0, LATENCY_SCALE)
    return ServiceStats(answered, rejected, errors, fallback, counts, float(seconds.sum()))


def served(given, alpha=ALPHA, **params):
    evidence = Evidence(NOTHING, NOTHING, (), alpha, service=given)
    return {finding.statistic: finding for finding in Service(Service.Params(**params)).check(evidence)}


def test_a_service_in_order_is_quiet():
    found = served(stats(answered=10_000, rejected=200, errors=20, fallback=10))
    assert list(found) == ["error_fraction", "rejected_fraction", "fallback_fraction", "latency_p99"]
    assert not any(finding.is_drift or finding.message for finding in found.values())
    assert found["latency_p99"].details["p50"] == pytest.approx(0.02, rel=0.05)
    assert found["latency_p99"].drift_score == pytest.approx(0.02 * np.exp(0.3 * 2.326), rel=0.05)


@pytest.mark.parametrize(
    ("given", "statistic", "said"),
    [
        ({"answered": 900, "errors": 100}, "error_fraction", "10.00% of 1,000 requests failed (1.00% allowed)"),
        ({"answered": 300, "rejected": 700}, "rejected_fraction", "70.00% of 1,000 requests were refused"),
        ({"fallback": 100}, "fallback_fraction", "10.00% of 1,000 answers came from the fallback (1.00% allowed)"),
        ({"latency": 0.4}, "latency_p99", "p99 latency 786 ms over 250 ms"),
        ({"slow": 0.05}, "latency_p99", "over 250 ms; the median is 20 ms"),
    ],
)
def test_each_breach_is_told_by_itself(given, statistic, said):
    found = served(stats(**given))
    assert [name for name, finding in found.items() if finding.is_drift] == [statistic]
    assert said in found[statistic].message


def test_a_few_requests_prove_nothing_and_none_says_nothing():
    assert not any(finding.is_drift for finding in served(stats(answered=20, errors=1, fallback=1, slow=0.05)).values())
    assert served(ServiceStats()) == {}
    assert served(None) == {}
    down = served(ServiceStats(errors=50))
    assert down["error_fraction"].is_drift
    assert list(down) == ["error_fraction", "rejected_fraction"]


@pytest.mark.parametrize(("answered", "rejected", "drifts"), [(0, 15, True), (1, 15, False), (0, 9, False)])
def test_an_endpoint_that_refuses_all_of_a_few_requests_is_told(answered, rejected, drifts):
    found = served(stats(answered=answered, rejected=rejected), alpha=1e-7)["rejected_fraction"]
    assert found.is_drift == drifts
    assert found.message == ("100.00% of 15 requests were refused for what was sent (50.00% allowed)" if drifts else "")


def test_bounds_of_ones_own():
    given = stats(answered=900, errors=100, latency=0.4)
    lenient = {"max_error_fraction": 0.2, "max_latency_p99": timedelta(seconds=2)}
    assert not any(finding.is_drift for finding in served(given, **lenient).values())


@pytest.mark.parametrize("n", [200, 1000, 5000])
def test_a_service_at_its_very_bounds_rarely_alarms(n):
    rng, limit = np.random.default_rng(n), 0.02 * np.exp(0.3 * 2.3263)
    alarms = {"error_fraction": 0, "fallback_fraction": 0, "latency_p99": 0}
    for seed in range(150):
        errors = rng.binomial(n, 0.01)
        given = stats(n - errors, 0, errors, rng.binomial(n - errors, 0.01), seed=seed)
        found = served(given, alpha=0.08, max_latency_p99=timedelta(seconds=limit))
        for name in alarms:
            alarms[name] += found[name].is_drift
    assert max(alarms.values()) <= 10  # of 150 each at 2 %: 3 are expected, four standard deviations are 7 more
