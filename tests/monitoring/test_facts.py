"""What is known of a window beside its counts."""

from dataclasses import replace

import pytest

from mlconfig.monitoring.baseline import Baseline
from mlconfig.monitoring.facts import expected_rows, facts_of
from mlconfig.monitoring.log import COUNTED
from mlconfig.profiles.distinct import Distinct
from mlconfig.records.service import ServiceStats
from mlconfig.vocabulary import Window

from .conftest import BEGIN, HOUR, Log, make_watch

DAY = 24 * HOUR
WINDOW = Window(start=BEGIN, end=BEGIN + HOUR)


def window(start, length):
    return Window(start=start, end=start + length)


def test_an_hour_is_expected_to_be_like_the_same_hour_of_earlier_days():
    rows = {day * DAY + hour * HOUR: 1000 + day if hour == 9 else 10 for day in range(10) for hour in range(24)}
    assert expected_rows(window(7 * DAY + 9 * HOUR, HOUR), rows, HOUR) == 1000  # a week ago, less than the days between
    rows |= {hour * HOUR: 5000 for hour in range(24)}
    assert expected_rows(window(7 * DAY + 9 * HOUR, HOUR), rows, HOUR) == 1004  # the median of days 0 to 6
    assert expected_rows(window(8 * DAY + 10 * HOUR, HOUR), rows, HOUR) == 10
    assert expected_rows(window(2 * DAY + 9 * HOUR, HOUR), rows, HOUR) is None  # two days say too little


def test_a_weekend_is_expected_to_be_like_weekends():
    rows = {day * DAY + hour * HOUR: 15 if day % 7 in (5, 6) else 1000 for day in range(14) for hour in range(24)}
    assert expected_rows(window(12 * DAY + 9 * HOUR, HOUR), rows, HOUR) == 15
    assert expected_rows(window(12 * DAY, DAY), rows, HOUR) == 24 * 15
    assert expected_rows(window(11 * DAY + 9 * HOUR, HOUR), rows, HOUR) == 1000
    assert expected_rows(window(5 * DAY + 9 * HOUR, HOUR), rows, HOUR) is None  # the first weekend is not known yet


def test_a_day_is_expected_to_be_like_the_days_before_and_silence_counts():
    rows = {day * DAY + hour * HOUR: 100 for day in range(8) if day != 3 for hour in range(24)}
    assert expected_rows(window(8 * DAY, DAY), rows, HOUR) == 2400
    few = {0.0: 100, 5 * DAY: 100}
    assert expected_rows(window(8 * DAY, DAY), few, HOUR) == 0
    assert expected_rows(window(DAY, DAY), {}, HOUR) is None


def test_a_window_that_does_not_divide_the_day_follows_those_before_it():
    rows = {place * 5 * HOUR: 50 + place for place in range(34)}
    assert expected_rows(window(170 * HOUR, 5 * HOUR), rows, 5 * HOUR) == 69.5  # the median of the last 28


@pytest.fixture
def counted():
    """A watched version with a reference of 700 rows, and the counts of a window of so many."""

    def count(rows, **columns):
        watched, log = make_watch(reference_rows=700), Log()
        log.hour(0, rows, **columns)
        (block,) = log.blocks(version="1", columns=COUNTED)
        return watched, watched.counter.count(block)

    return count


def test_doubles_are_not_judged_in_a_window_larger_than_the_reference(counted):
    watched, counts = counted(600)
    doubled = replace(counts, distinct=Distinct(counts.distinct.minima[:300], 600))
    assert facts_of(watched, WINDOW, doubled, {}, None).duplicate_fraction == 0.5
    watched, counts = counted(800)
    assert facts_of(watched, WINDOW, counts, {}, None).duplicate_fraction is None


def test_a_column_that_is_null_throughout_is_missing_unless_it_was_null_before(counted):
    watched, counts = counted(100, x=[None] * 100)
    assert facts_of(watched, WINDOW, counts, {}, None).missing == ("x",)
    empty = Baseline(counts.inputs)  # there x was null
    assert facts_of(watched.with_production(empty), WINDOW, counts, {}, None).missing == ()
    assert facts_of(watched, WINDOW, watched.counter.nothing, {}, None).missing == ()


def test_refused_requests_are_told_with_their_number(counted):
    watched, counts = counted(100)
    stats = ServiceStats(answered=290, rejected=100, errors=10)
    found = facts_of(watched, WINDOW, counts, {}, stats)
    assert (found.rejected_fraction, found.requests) == (0.25, 400)
    assert facts_of(watched, WINDOW, counts, {}, ServiceStats()).rejected_fraction is None


def test_the_newest_row_has_an_age_by_arrival_alone(counted):
    watched, counts = counted(100)
    late = replace(counts, newest_event=WINDOW.end - 50.0)
    assert facts_of(watched, WINDOW, late, {}, None).newest_age == 50.0
    ahead = replace(counts, newest_event=WINDOW.end + 50.0)
    assert facts_of(watched, WINDOW, ahead, {}, None).newest_age == 0.0
    by_event = make_watch(reference_rows=700, time="event")
    assert facts_of(by_event, WINDOW, late, {}, None).newest_age is None


def test_of_what_is_missing_only_what_may_be_left_out_may_have_been(counted):
    watched, counts = counted(60, x=[None] * 60)
    assert facts_of(watched, WINDOW, counts, {}, None).omittable == ()
    columns = tuple(
        each.model_copy(update={"required": each.name != "x", "nullable": True}) for each in watched.signature.columns
    )
    lenient = replace(watched, signature=watched.signature.model_copy(update={"columns": columns}))
    found = facts_of(lenient, WINDOW, counts, {}, None)
    assert (found.missing, found.omittable) == (("x",), ("x",))
