"""Probable causes: a broken pipeline, the clock, a spike and a lasting change are told apart."""

import numpy as np
import pytest

from mlconfig.monitoring.cause import advice, broken_columns, probable_cause
from mlconfig.monitoring.persistence import restate
from mlconfig.records.verdict import Finding, Verdict
from mlconfig.sections.monitoring import Persistence
from mlconfig.vocabulary import FrozenDict, Window

HOUR = 3600.0
DAY = 24
BEGIN = 473_000 * HOUR


def finding(column="x", is_drift=True, **details):
    return Finding(
        column=column, statistic="psi", drift_score=1.0, threshold=0.1, is_drift=is_drift, details=FrozenDict(details)
    )


def verdict(place, vote=True, signal="input_drift", findings=(), length=HOUR):
    start = BEGIN + place * length
    return Verdict(
        endpoint="e", version="1", signal=signal, detector="psi", window=Window(start=start, end=start + length),
        scale=length, rows=900, vote=vote, state="ok", findings=findings or (finding(is_drift=bool(vote)),),
    )  # fmt: skip


def causes(votes, length=HOUR):
    """Of each window, given the votes of all."""
    found = restate([verdict(i, vote, length=length) for i, vote in enumerate(votes)], Persistence(), 0.0)
    return [probable_cause(each, found[:i], {each.signal: each}) for i, each in enumerate(found)]


def test_a_step_is_a_spike_until_it_lasts_and_never_the_season():
    found = causes([False] * 240 + [True] * 240)
    assert set(found[:240]) == {None}
    assert found[240:251] == ["spike"] * 11
    assert set(found[251:]) == {"lasting_drift"}


@pytest.mark.parametrize("hours", [4, 8, 11])
def test_the_same_hours_of_three_days_are_the_season_on_the_fourth(hours):
    votes = [i >= 5 * DAY and i % DAY < hours for i in range(12 * DAY)]
    found = np.array(causes(votes), object)
    assert set(found[5 * DAY : 8 * DAY]) <= {None, "spike", "lasting_drift"}
    assert set(found[8 * DAY :][np.array(votes[8 * DAY :])]) == {"season"}


def test_a_step_on_top_of_the_season_is_no_season_any_more():
    votes = [i % DAY < 8 or i >= 10 * DAY for i in range(16 * DAY)]
    assert set(causes(votes)[12 * DAY :]) == {"lasting_drift"}


def test_two_weekends_make_the_third_a_season():
    votes = [i % (7 * DAY) >= 5 * DAY for i in range(28 * DAY)]
    found = np.array(causes(votes), object)
    weekends = [set(found[week * 7 * DAY + 5 * DAY : (week + 1) * 7 * DAY]) for week in range(4)]
    assert "season" not in weekends[0] | weekends[1]
    assert weekends[2] == weekends[3] == {"season"}
    assert causes([i % 7 >= 5 for i in range(28)], 86_400.0)[26] == "season"


def test_hours_that_were_not_judged_blame_nothing():
    votes = [None if i % DAY >= 8 else True for i in range(10 * DAY)]
    assert "season" not in causes(votes)


@pytest.mark.parametrize(
    "details",
    [
        {"null_fraction": 0.8, "reference_null_fraction": 0.1},
        {"null_fraction_increase": 0.6},
        {"top_share": 0.97, "reference_top_share": 0.02},
        {"top_share": 1.0, "reference_top_share": 0.4, "reference_values": 5.0},
        {"top_share": 1.0, "reference_top_share": 0.05, "reference_values": 1.1},
        {"new_category_fraction": 0.9},
    ],
)
def test_columns_fed_nulls_one_value_or_new_levels_are_broken(details):
    assert broken_columns([finding(**details), finding("z")]) == ["x"]


@pytest.mark.parametrize(
    "details",
    [
        {"null_fraction": 0.5, "reference_null_fraction": 0.1},
        {"top_share": 0.97, "reference_top_share": 0.6},  # it was nearly constant before
        {"top_share": 0.05, "reference_top_share": 1.0},  # a constant that came alive
        {"top_share": 1.0, "reference_top_share": 0.4, "reference_values": 1.9},  # one of two hotels sends no rows
        {"new_category_fraction": 0.3},
        {"new_category_fraction": 1.0, "null_fraction": 0.97, "reference_null_fraction": 0.97},
    ],
)
def test_what_may_be_drift_is_not_called_broken(details):
    assert broken_columns([finding(**details)]) == []
    assert broken_columns([finding(is_drift=False, null_fraction=1.0)]) == []


def test_a_break_explains_what_follows_from_it_and_nothing_else():
    quality = verdict(0, signal="data_quality", findings=(finding(null_fraction_increase=1.0),))
    drift, answers = verdict(0), verdict(0, signal="prediction_drift", findings=(finding("prediction.score"),))
    other = verdict(0, findings=(finding("z"),))
    together = {"data_quality": quality}
    assert probable_cause(drift, (), {**together, "input_drift": drift}) == "pipeline_break"
    assert probable_cause(answers, (), {**together, "prediction_drift": answers}) == "pipeline_break"
    assert probable_cause(other, (), {**together, "input_drift": other}) == "spike"
    assert probable_cause(verdict(0, False), (), together) is None
    assert probable_cause(verdict(0, signal="service"), (), together) is None


def test_advice_never_says_retrain_where_something_broke():
    broken = verdict(0).model_copy(update={"cause": "pipeline_break"})
    assert "retraining on broken rows makes it worse" in advice(broken, frozenset({"profile"}))
    lasting = verdict(0).model_copy(update={"cause": "lasting_drift"})
    assert "retrain on recent rows" in advice(lasting, frozenset({"profile"}))
    assert advice(verdict(0, False), frozenset({"profile"})) == ""
    assert "does not help" in advice(verdict(0, signal="service"), frozenset({"service"}))
