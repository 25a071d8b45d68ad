"""A past stretch of production as the reference."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import TYPE_CHECKING

from mlconfig.monitoring.baseline import Baseline
from mlconfig.monitoring.reference import DAY, LEAST_DAYS
from mlconfig.monitoring.window_counts import WindowCounts
from mlconfig.profiles.season import Season, hours_of_week
from mlconfig.vocabulary import Window

if TYPE_CHECKING:
    from mlconfig.monitoring.watch import Watch
    from mlconfig.profiles.profile import Profile

HOUR = 3600.0


def baseline_of(
    hours: Iterable[tuple[float, WindowCounts]], watch: Watch, seconds: float, time_zone: str
) -> Baseline | None:
    """The reference out of counted hours; null when there are none.

    Args:
        hours: start and counts.
        watch: the version, whose own reference has the layouts.
        seconds: how long the stretch is.
        time_zone: whose clock the hours of the week go by.
    """
    cells: dict[int, WindowCounts] = {}
    for start, counts in hours:
        hour = min(hours_of_week(Window(start=start, end=start + HOUR), time_zone))
        cells[hour] = cells[hour].merge(counts) if hour in cells else counts
    if not cells:
        return None
    whole = reduce(WindowCounts.merge, cells.values())
    return Baseline(
        whole.inputs,
        whole.outputs,
        whole.scores,
        watch.baseline.calibration,
        season=_season({hour: counts.inputs for hour, counts in cells.items()}, seconds / DAY, time_zone),
        output_season=_season({hour: counts.outputs for hour, counts in cells.items()}, seconds / DAY, time_zone),
        duplicate_fraction=whole.distinct.duplicate_fraction,
    )


def _season(cells: dict[int, Profile], days: float, time_zone: str) -> Season | None:
    return Season(cells, days, time_zone) if days >= LEAST_DAYS else None
