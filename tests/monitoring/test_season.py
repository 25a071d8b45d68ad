"""A reference by the hour of the week: its cells are all rows, each where the clock of the recipe's zone stood."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlconfig.errors import DataError
from mlconfig.monitoring.reference import make_season, reference_profile
from mlconfig.profiles.profile import empty_profile
from mlconfig.profiles.season import HOURS, WEEK, Season, dump_season, hours_of_week, load_season
from mlconfig.vocabulary import Window

HOUR, DAY = 3600.0, 86_400.0
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Chatham")
MONDAY = datetime(2026, 3, 2, tzinfo=UTC).timestamp()


def wall(moment, zone):
    clock = datetime.fromtimestamp(moment, ZoneInfo(zone))
    return clock.weekday() * HOURS + clock.hour


def season(moments, zone="UTC", rows=None):
    table = pa.table({"x": rows if rows is not None else np.arange(len(moments), dtype=float)})
    return make_season(reference_profile(table, {"x": "numeric"}), table, np.asarray(moments, float), zone)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(ZONES), st.integers(0, 2**31), st.integers(8, 60))
def test_cells_sum_to_the_whole_and_each_row_is_at_its_hour(zone, seed, days):
    rng = np.random.default_rng(seed)
    moments = MONDAY + rng.uniform(0, days * DAY, 300)
    moments[:2] = MONDAY, MONDAY + days * DAY
    made = season(moments, zone)
    expected = np.bincount([wall(moment, zone) for moment in moments], minlength=WEEK)
    assert {hour: cell.rows for hour, cell in made.cells.items()} == {
        hour: rows for hour, rows in enumerate(expected) if rows
    }
    whole = sum(cell.columns["x"].counts for cell in made.cells.values())
    assert np.array_equal(whole, reference_profile({"x": np.arange(300.0)}, {"x": "numeric"}).columns["x"].counts)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.floats(0, 400 * DAY), st.sampled_from([900.0, HOUR, 5 * HOUR, DAY]), st.floats(0, 1))
def test_a_window_touches_the_hours_of_each_moment_in_it(zone, begin, length, part):
    start = MONDAY + begin // length * length
    window = Window(start=start, end=start + length)
    assert wall(start + part * length * 0.999, zone) in hours_of_week(window, zone)
    assert len(hours_of_week(window, zone)) <= length / HOUR + 1 + (length < HOUR)


def test_days_when_clocks_change():
    spring, autumn = (datetime(2026, *day, tzinfo=UTC).timestamp() for day in ((3, 29), (10, 25)))
    zone, sunday = "Europe/Berlin", 6 * HOURS
    long_sunday = hours_of_week(Window(start=autumn - 2 * HOUR, end=autumn + 23 * HOUR), zone)
    short_sunday = hours_of_week(Window(start=spring - HOUR, end=spring + 22 * HOUR), zone)
    assert long_sunday == frozenset(range(sunday, sunday + 24))
    assert short_sunday == frozenset(range(sunday, sunday + 24)) - {sunday + 2}  # the hour that was skipped
    doubled = [Window(start=autumn + h * HOUR, end=autumn + (h + 1) * HOUR) for h in (0, 1)]
    assert hours_of_week(doubled[0], zone) == hours_of_week(doubled[1], zone) == {sunday + 2}


def test_hours_of_the_day_are_sums_over_days_and_a_whole_day_has_none_of_its_own():
    made = season(MONDAY + np.arange(0, 21 * DAY, HOUR))
    nine = Window(start=MONDAY + 9 * HOUR, end=MONDAY + 10 * HOUR)
    assert made.at(nine, "hour").rows == 21
    assert made.at(nine, "weekday").rows == 3
    monday = Window(start=MONDAY, end=MONDAY + DAY)
    assert made.at(monday, "hour") is None
    assert made.at(monday, "weekday").rows == 24 * 3
    week = Window(start=MONDAY, end=MONDAY + 7 * DAY)
    assert made.at(week, "hour") is made.at(week, "weekday") is None
    assert made.at(nine, "hour") is made.at(Window(start=nine.start + DAY, end=nine.end + DAY), "hour")


def test_hours_without_rows_have_no_reference():
    made = season(MONDAY + np.array([d * DAY + h * HOUR for d in range(20) for h in (9, 10)]))
    assert made.at(Window(start=MONDAY, end=MONDAY + HOUR), "hour") is None
    assert made.at(Window(start=MONDAY + 8 * HOUR, end=MONDAY + 10 * HOUR), "hour").rows == 20


@pytest.mark.parametrize(
    "moments",
    [
        np.full(50, np.nan),
        MONDAY + np.arange(0, 6.9 * DAY, HOUR),  # shorter than a week
        MONDAY + np.arange(30) * DAY,  # dates alone: all at one hour
    ],
)
def test_what_says_nothing_of_the_clock_makes_no_season(moments):
    assert season(moments) is None


def test_rows_without_a_time_are_left_out():
    moments = MONDAY + np.arange(0, 14 * DAY, HOUR)
    moments[::3] = np.nan
    made = season(moments)
    assert sum(cell.rows for cell in made.cells.values()) == np.isfinite(moments).sum()


def test_bytes_come_back_and_damage_is_refused():
    made = season(MONDAY + np.arange(0, 15 * DAY, HOUR), "Europe/Berlin")
    data = dump_season(made)
    back = load_season(data)
    assert (back.days, back.time_zone, set(back.cells)) == (made.days, made.time_zone, set(made.cells))
    assert all(
        np.array_equal(cell.columns["x"].counts, made.cells[h].columns["x"].counts) for h, cell in back.cells.items()
    )
    assert dump_season(back) == data
    for wrong in (b"", b"MLPS", data[:-5], data[:40] + b"?" + data[41:], b"MLPF" + data[4:], data + b"x"):
        with pytest.raises(DataError, match="seasonal reference"):
            load_season(wrong)


def test_the_rows_of_a_window_longer_than_a_week_are_all_hours():
    assert hours_of_week(Window(start=0.0, end=30 * DAY), "UTC") == frozenset(range(WEEK))
    layout = reference_profile({"x": np.zeros(1)}, {"x": "numeric"}).layout
    assert Season({0: empty_profile(layout)}, 30.0).at(Window(start=0.0, end=30 * DAY), "weekday") is None
