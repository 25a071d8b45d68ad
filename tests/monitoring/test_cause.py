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


STUCK = {"top_share": 1.0, "reference_top_share": 0.083, "reference_values": 11.9}
"""As the month is in January's rows, 1 of 12."""


@pytest.mark.parametrize(
    "details",
    [
        {"null_fraction": 0.8, "reference_null_fraction": 0.1},
        {"null_fraction_increase": 0.6},
        {"top_share": 0.97, "reference_top_share": 0.02},
        {"top_share": 1.0, "reference_top_share": 0.4, "reference_values": 5.0},
        {"top_share": 1.0, "reference_top_share": 0.05, "reference_values": 1.1},
        {"new_category_fraction": 0.9},
        {
            **STUCK,
            "independent_rows": 6.0,
        },  # a week of half-hours, alike as prices are: that all are one value says much
        {**STUCK, "reference_top_share": 0.0, "independent_rows": 1.1},  # a value that the reference never had
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
        {**STUCK, "independent_rows": 1.1},  # rows of one stretch of the reference have one value too
        {**STUCK, "independent_rows": 4.5, "alike": 0.97},  # a month, and the reference showed weeks at most
        {"new_category_fraction": 0.3},
        {"new_category_fraction": 1.0, "null_fraction": 0.97, "reference_null_fraction": 0.97},
    ],
)
def test_what_may_be_drift_is_not_called_broken(details):
    assert broken_columns([finding(**details)]) == []
    assert broken_columns([finding(is_drift=False, null_fraction=1.0)]) == []


@pytest.mark.parametrize("length", [7 * 24 * HOUR, 30 * 24 * HOUR])
def test_a_column_that_is_constant_in_each_stretch_of_the_reference_goes_by_the_calendar(length):
    month = finding("month", **STUCK, independent_rows=1.1)
    alone = verdict(0, findings=(month,), length=length)
    assert probable_cause(alone, (), {"input_drift": alone}) == "season"
    beside = verdict(0, findings=(month, finding("z", is_drift=False)), length=length)
    assert probable_cause(beside, (), {"input_drift": beside}) == "season"
    more = verdict(0, findings=(month, finding("z")), length=length)
    assert probable_cause(more, (), {"input_drift": more}) == "spike"  # what else moved is no calendar


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


READS = {"data_quality": {"profile", "facts"}, "input_drift": {"profile"}, "performance": {"labels"}}


@pytest.mark.parametrize("signal", READS)
def test_the_advice_fits_the_cause(signal):
    def of(cause):
        return advice(verdict(0, signal=signal).model_copy(update={"cause": cause}), frozenset(READS[signal]))

    assert "watch whether it passes" in of("spike")
    assert "makes it worse" in of("pipeline_break")
    assert "retrain on recent rows" in of("lasting_drift")
    assert "makes it worse" not in of("spike") + of("lasting_drift")


def refused(share, signal="data_quality"):
    found = Finding(column=None, statistic="rejected_fraction", drift_score=share, threshold=0.2, is_drift=True)
    return verdict(0, signal=signal, findings=(found,))


@pytest.mark.parametrize(("signal", "reads"), [("data_quality", "facts"), ("service", "service")])
def test_where_most_is_refused_what_is_sent_broke_and_the_answers_say_where(signal, reads):
    most = refused(1.0, signal)
    assert probable_cause(most, (), {signal: most}) == "pipeline_break"
    told = advice(most.model_copy(update={"cause": "pipeline_break"}), frozenset({reads}))
    assert "`error.where`" in told
    assert "/metrics" in told


def test_a_part_that_is_refused_is_no_break_and_the_answers_still_say_where():
    some = refused(0.3)
    assert probable_cause(some, (), {"data_quality": some}) == "spike"
    told = advice(some.model_copy(update={"cause": "spike"}), frozenset({"facts"}))
    assert "`error.where`" in told
    assert "makes it worse" not in told
