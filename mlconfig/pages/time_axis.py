"""The time axis that all strips and lines of a page share: equal cells, and ticks on round local times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from mlconfig.pages.wording import Clock
from mlconfig.vocabulary import Window

MAX_CELLS = 180
"""At six pixels each they fill a screen; thirty days of hours become cells of four hours."""
MAX_TICKS = 9
_GROUPS = (1, 2, 3, 4, 6, 8, 12, 24)
_HOUR, _DAY = 3600.0, 86_400.0
_STEPS = (
    *(1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 900.0, 1800.0),
    *(hours * _HOUR for hours in (1, 2, 3, 6, 12)),
    *(days * _DAY for days in (1, 2, 4, 7, 14)),
)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)
_LAST_MONTH = 9999 * 12
"""What a date can hold."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis. ``place``: percent of its length; ``minor``: left out where there is little room."""

    place: float
    label: str
    minor: bool = False


@dataclass(frozen=True)
class TimeAxis:
    """A stretch of time in cells, each of one or more base windows.

    Args:
        start, end: seconds since 1970.
        cell: length of a cell in seconds.
        clock: whose days and hours the ticks stand on.
    """

    start: float
    end: float
    cell: float
    clock: Clock

    @cached_property
    def cells(self) -> int:
        """How many."""
        return max(1, math.ceil((self.end - self.start) / self.cell - 1e-9))

    def cell_of(self, moment: float) -> int:
        """The cell that holds a moment; beyond the ends, the nearest."""
        return min(max(int((moment - self.start) // self.cell), 0), self.cells - 1)

    def cells_of(self, window: Window) -> range:
        """The cells that a window touches; none where it lies outside."""
        if window.end <= self.start or window.start >= self.end:
            return range(0)
        return range(self.cell_of(window.start), self.cell_of(window.end - self.cell * 1e-6) + 1)

    def place(self, moment: float) -> float:
        """Percent of the axis, within its ends."""
        part = (moment - self.start) / (self.cells * self.cell)
        return round(100 * min(max(part, 0.0), 1.0), 2)

    @cached_property
    def ticks(self) -> tuple[Tick, ...]:
        """On round times of the clock, at most nine; every second is minor."""
        length = self.cells * self.cell
        return tuple(
            Tick(self.place(moment), label, minor=number % 2 == 1)
            for number, (moment, label) in enumerate(time_ticks(self.start, self.start + length, self.clock))
        )


def time_axis(period: Window, every: float, clock: Clock) -> TimeAxis:
    """The axis of a period that is looked at in windows of ``every`` seconds, at most 180 cells."""
    start = math.floor(period.start / every) * every
    windows = max(1, math.ceil((period.end - start) / every - 1e-9))
    least = math.ceil(windows / MAX_CELLS)
    group = next((size for size in _GROUPS if size >= least), least)
    return TimeAxis(start, start + windows * every, group * every, clock)


def time_ticks(start: float, end: float, clock: Clock) -> list[tuple[float, str]]:
    """Moments and labels within a stretch of time: hours, days, months or years, whichever are few."""
    length = end - start
    for step in _STEPS:
        if length / step <= MAX_TICKS:
            label = _clock_label if step < _DAY else _day_label
            return [(moment, label(moment, step, clock)) for moment in _even(start, end, step, clock)]
    months = next((n for n in _MONTHS if length / (n * 30.4 * _DAY) <= MAX_TICKS), _MONTHS[-1])
    return [(moment, _month_label(moment, months, clock)) for moment in _months(start, end, months, clock)]


def _even(start: float, end: float, step: float, clock: Clock) -> list[float]:
    """Even by the clock on the wall, so that noon stays noon where the clocks change."""
    local = clock.local(start).replace(tzinfo=None)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    reading = midnight + timedelta(seconds=math.ceil((local - midnight).total_seconds() / step) * step)
    found: list[float] = []
    while (moment := reading.replace(tzinfo=clock.zone).timestamp()) <= end:
        found += [moment] if moment >= start else []
        reading += timedelta(seconds=step)
    return found


def _clock_label(moment: float, step: float, clock: Clock) -> str:
    local = clock.local(moment)
    if (local.hour, local.minute, local.second) == (0, 0, 0):
        return _day_label(moment, step, clock)
    return f"{local:%H:%M}" if step >= 60 else f"{local:%H:%M:%S}"


def _day_label(moment: float, _: float, clock: Clock) -> str:
    local = clock.local(moment)
    return f"{local.day} {local:%b}"


def _month_label(moment: float, months: int, clock: Clock) -> str:
    local = clock.local(moment)
    return f"{local:%Y}" if local.month == 1 or months >= 12 else f"{local:%b}"


def _months(start: float, end: float, step: int, clock: Clock) -> list[float]:
    local = clock.local(start)
    place, found = (local.year * 12 + local.month - 1) // step * step, list[float]()
    while place < _LAST_MONTH:
        year, month = divmod(place, 12)
        moment = datetime(year, month + 1, 1, tzinfo=clock.zone).timestamp()
        if moment > end:
            break
        found += [moment] if moment >= start else []
        place += step
    return found
