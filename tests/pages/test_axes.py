"""Axes: round values, round local times, cells of equal length; paths that are short and right."""

import math
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mlconfig.pages import paths
from mlconfig.pages.scale import nice_step, value_ticks
from mlconfig.pages.time_axis import MAX_CELLS, MAX_TICKS, time_axis, time_ticks
from mlconfig.pages.wording import Clock
from mlconfig.vocabulary import Window

BERLIN = Clock("Europe/Berlin")


def at(*moment, zone="Europe/Berlin"):
    return datetime(*moment, tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("start", "end", "labels"),
    [
        (at(2026, 5, 8), at(2026, 5, 10), ["8 May", "06:00", "12:00", "18:00", "9 May", "06:00", "12:00", "18:00", "10 May"]),
        (at(2026, 5, 8, 9), at(2026, 5, 8, 10), ["09:00", "09:10", "09:20", "09:30", "09:40", "09:50", "10:00"]),
        (at(2026, 5, 8), at(2026, 6, 7), ["8 May", "12 May", "16 May", "20 May", "24 May", "28 May", "1 Jun", "5 Jun"]),
        (at(2025, 11, 3), at(2026, 6, 3), ["Dec", "2026", "Feb", "Mar", "Apr", "May", "Jun"]),
        (at(2019, 3, 1), at(2026, 3, 1), ["2020", "2021", "2022", "2023", "2024", "2025", "2026"]),
        (at(2026, 5, 8, 9), at(2026, 5, 8, 9, 0, 30),
         [f"09:00:{second:02d}" for second in range(0, 31, 5)]),
    ],
)  # fmt: skip
def test_ticks_stand_on_round_local_times(start, end, labels):
    assert [label for _, label in time_ticks(start, end, BERLIN)] == labels


def test_noon_stays_noon_where_the_clocks_change():
    ticks = time_ticks(at(2026, 3, 28), at(2026, 3, 31), BERLIN)
    assert {label for _, label in ticks} == {"28 Mar", "12:00", "29 Mar", "30 Mar", "31 Mar"}


@pytest.mark.parametrize("length", [1.0, 59.0, 3600.0, 5e4, 3e5, 1e6, 3e7, 4e8, 3e9])
def test_there_are_never_too_many_ticks(length):
    ticks = time_ticks(1e9, 1e9 + length, BERLIN)
    assert len(ticks) <= MAX_TICKS + 2
    assert all(1e9 <= moment <= 1e9 + length for moment, _ in ticks)


@pytest.mark.parametrize(
    ("windows", "cells", "hours"), [(1, 1, 1), (48, 48, 1), (180, 180, 1), (181, 91, 2), (720, 180, 4), (8760, 179, 49)]
)
def test_windows_are_put_together_into_a_screenful_of_cells(windows, cells, hours):
    start = at(2026, 5, 8)
    axis = time_axis(Window(start=start, end=start + windows * 3600), 3600.0, BERLIN)
    assert (axis.cells, axis.cell) == (cells, hours * 3600)
    assert axis.cells <= MAX_CELLS


def test_a_window_is_in_all_cells_that_it_touches_and_no_other():
    axis = time_axis(Window(start=0.0, end=10 * 3600.0), 3600.0, BERLIN)
    assert axis.cells_of(Window(start=3600.0, end=7200.0)) == range(1, 2)
    assert axis.cells_of(Window(start=0.0, end=86_400.0)) == range(10)
    assert axis.cells_of(Window(start=-7200.0, end=0.0)) == range(0)
    assert axis.cells_of(Window(start=36_000.0, end=39_600.0)) == range(0)
    assert axis.place(18_000.0) == 50.0
    assert axis.place(-5.0) == 0.0


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [(0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]), (-3, 3, ["−2", "0", "2"]),
     (2015, 2017, ["2015.0", "2015.5", "2016.0", "2016.5", "2017.0"]),
     (0, 1e6, ["0", "200k", "400k", "600k", "800k", "1M"]), (5, 5, ["5"]), (math.nan, 1, [])],
)  # fmt: skip
def test_values_are_round(low, high, labels):
    assert [label for _, label in value_ticks(low, high)] == labels


@pytest.mark.parametrize("length", [1e-300, 1e-9, 0.7, 1.0, 3.0, 48.0, 1e15, 1e300])
def test_a_step_is_round_and_gives_at_most_so_many_parts(length):
    step = nice_step(length, 46)
    assert length / step <= 46 * (1 + 1e-6) or length < 1e-290
    digit = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    assert round(digit, 6) in (1, 2, 5)


def test_bars_stand_on_the_base_and_nothing_has_none():
    assert paths.bars([0, 5, 2.55, 0, 1], 10) == "M1 10V5H2V7.5H3V10zM4 10V9H5V10z"
    assert paths.bars([], 10) == ""
    assert paths.bars([0.01], 10) == ""


def test_an_outline_goes_up_and_comes_back():
    assert paths.steps([0, 5, 5, 2], 10) == "M0 10H1V5H3V8H4V10"
    assert paths.steps([0, 0], 10) == ""


def test_neighbours_of_one_class_are_one_stroke():
    assert paths.runs([1, 1, None, 0, 1], 1) == "M0 0h2M4 0h1"
    assert paths.runs([None, None], 1) == ""


def test_a_band_goes_there_and_back():
    assert paths.band([(0, 9), (1, 8)], [(0, 3), (1, 2)]) == "M0 3L1 2L1 8L0 9z"
    assert paths.dots([(1, 2.25)]) == "M1 2.2h0"
