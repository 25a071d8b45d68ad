"""Which reference a window is compared with, and when there is too little of it."""

from dataclasses import replace

import numpy as np
import pytest

from mlconfig.monitoring.baseline import Baseline
from mlconfig.monitoring.compared import reference_of, too_small, worth_of
from mlconfig.monitoring.reference import feature_kinds
from mlconfig.profiles.clusters import Alike, Clusters
from mlconfig.profiles.profile import profile_of
from mlconfig.profiles.season import Season
from mlconfig.vocabulary import Window

from .conftest import BEGIN, HOUR, SIGNATURE, inputs, make_watch

DAY = 24 * HOUR
NINE = Window(start=BEGIN + 9 * HOUR, end=BEGIN + 10 * HOUR)


@pytest.fixture
def seasonal():
    """A version whose reference covers so many days, with so many rows in each of the 168 hours of the week."""

    def make(days, rows=20, **reference):
        watched = make_watch(reference_rows=3000, reference={"min_rows": 1000, **reference})
        layout = watched.baseline.inputs.layout
        rng = np.random.default_rng(0)
        given = {name: values for name, values in inputs(rng, rows).items() if name in feature_kinds(SIGNATURE)}
        cell = profile_of(layout, given)
        season = Season(dict.fromkeys(range(168), cell), float(days))
        return replace(watched, baseline=Baseline(watched.baseline.inputs, season=season))

    return make


@pytest.mark.parametrize(
    ("days", "season", "words"),
    [
        (10, "auto", "training rows"),
        (14, "auto", "training rows at these hours of the day"),
        (55, "auto", "training rows at these hours of the day"),
        (56, "auto", "training rows at these hours of the week"),
        (56, "none", "training rows"),
        (56, "hour", "training rows at these hours of the day"),
        (10, "hour", "training rows at these hours of the day"),
        (10, "weekday", "training rows at these hours of the week"),
    ],
)
def test_the_finest_season_that_the_reference_is_long_enough_for(seasonal, days, season, words):
    found = reference_of(seasonal(days, season=season), "input_drift", NINE, 20)
    assert found.words == words
    assert found.profile.rows == {"all": 3000, "hour": 140, "weekday": 20}[found.level]


def test_a_whole_day_has_hours_of_the_week_but_none_of_the_day(seasonal):
    day = Window(start=BEGIN - BEGIN % DAY, end=BEGIN - BEGIN % DAY + DAY)
    assert reference_of(seasonal(56), "input_drift", day, 100).words == "training rows at these hours of the week"
    assert reference_of(seasonal(30), "input_drift", day, 100).words == "training rows"


def test_hours_with_too_few_rows_are_not_relied_on_unless_the_recipe_says_so(seasonal):
    assert reference_of(seasonal(30, rows=2), "input_drift", NINE, 500).words == "training rows"
    told = reference_of(seasonal(30, rows=2, season="hour"), "input_drift", NINE, 500)
    assert told.words == "training rows at these hours of the day"
    watched = seasonal(30, rows=2, season="hour")
    assert too_small(watched, "input_drift", told, 500) == (
        "the reference has 14 training rows at these hours of the day, and 50 are needed"
    )
    assert too_small(watched, "input_drift", told, 140) == ""
    assert too_small(watched, "data_quality", told, 10**6) == ""


def test_answers_have_held_out_rows_or_none():
    watched = make_watch(signals={"prediction_drift": {"name": "psi"}})
    found = reference_of(watched, "prediction_drift", NINE, 100)
    assert found.profile is None
    assert too_small(watched, "prediction_drift", found, 100).startswith("the version was packaged before answers")


def test_rows_are_worth_what_the_reference_showed_of_such_windows(seasonal):
    clusters = Clusters(
        {"all": {HOUR: {"x": Alike(1.0, 1.0, 1.0, 10.0)}}, "hour": {HOUR: {"z": Alike(0.5, 1.0, 0.5, 10.0)}}}
    )
    watched = seasonal(30)
    watched = replace(watched, baseline=replace(watched.baseline, clusters=clusters))
    by_hour = reference_of(watched, "input_drift", NINE, 20)
    assert set(worth_of(watched, "input_drift", NINE, 20, by_hour)) == {"z"}
    whole = reference_of(replace(watched, baseline=replace(watched.baseline, season=None)), "input_drift", NINE, 20)
    assert worth_of(watched, "input_drift", NINE, 20, whole)["x"].of_window(20) == 1.0
    assert worth_of(watched, "prediction_drift", NINE, 20, whole) == {}
