"""What is known of a window beside its counts: how many rows were to be expected, how fresh they are, what is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING

from mlconfig.contracts.detector import WindowFacts

if TYPE_CHECKING:
    from mlconfig.monitoring.watch import Watch
    from mlconfig.monitoring.window_counts import WindowCounts
    from mlconfig.profiles.profile import Profile
    from mlconfig.records.service import ServiceStats
    from mlconfig.vocabulary import Window

DAY, WEEK = 86_400.0, 604_800.0
LEAST, MOST = 3, 28
"""Earlier windows that an expectation is made from: at least, and at most."""


def facts_of(
    watch: Watch, window: Window, counts: WindowCounts, rows_at: Mapping[float, int], service: ServiceStats | None
) -> WindowFacts:
    """The facts of one window.

    Args:
        watch: the version.
        window: which.
        counts: of it.
        rows_at: rows of the endpoint's windows of ``monitoring.every`` by start, all versions together.
        service: the requests of that time; null where they are not known.
    """
    reference = watch.production or watch.baseline
    # The more rows are drawn from the same population, the more of them are alike: beyond the reference's rows nothing follows.
    comparable = 0 < counts.rows <= reference.inputs.rows
    requests = service.requests if service is not None else 0
    missing = _missing(reference.inputs, counts)
    required = {column.name for column in watch.signature.columns if column.required}
    return WindowFacts(
        rows=counts.rows,
        expected_rows=expected_rows(window, rows_at, watch.lengths[0]),
        duplicate_fraction=counts.distinct.duplicate_fraction if comparable else None,
        reference_duplicate_fraction=reference.duplicate_fraction,
        newest_age=_newest_age(watch, window, counts),
        missing=missing,
        omittable=tuple(name for name in missing if name not in required),
        rejected_fraction=service.rejected / requests if service is not None and requests else None,
        requests=requests or None,
    )


def expected_rows(window: Window, rows_at: Mapping[float, int], base: float) -> float | None:
    """What earlier windows let expect: the median of the same time of day (a longer window: of those before it), or of the same
    time of the week where that is less, so that a weekend is no outage. A shorter window than a week needs a week of history.
    """
    length = window.end - window.start
    first = min(rows_at, default=math.inf)
    if length < WEEK and window.start - first < WEEK:
        return None
    daily = _earlier(window, rows_at, base, DAY if length < DAY and DAY % length == 0 else length)
    if len(daily) < LEAST:
        return None
    weekly = _earlier(window, rows_at, base, WEEK) if WEEK % length == 0 else []
    return float(min(median(daily), median(weekly or daily)))


def _earlier(window: Window, rows_at: Mapping[float, int], base: float, step: float) -> list[int]:
    """Rows of windows of the same length, so many seconds apart, back to the first that is known."""
    first, length = min(rows_at, default=math.inf), window.end - window.start
    earlier: list[int] = []
    start = window.start - step
    while start >= first and len(earlier) < MOST:
        earlier.append(_rows_between(rows_at, start, start + length, base))
        start -= step
    return earlier


def _rows_between(rows_at: Mapping[float, int], start: float, end: float, base: float) -> int:
    steps = round((end - start) / base)
    return sum(rows_at.get(start + place * base, 0) for place in range(steps))


def _newest_age(watch: Watch, window: Window, counts: WindowCounts) -> float | None:
    if watch.monitoring.time != "arrival" or not math.isfinite(counts.newest_event):
        return None
    return max(0.0, window.end - counts.newest_event)


def _missing(reference: Profile, counts: WindowCounts) -> tuple[str, ...]:
    """Columns that are null in every row, though at least half of the reference's rows had a value."""
    if not counts.rows:
        return ()
    return tuple(
        name
        for name, column in counts.inputs.columns.items()
        if column.nulls == counts.rows and reference.rows and reference.columns[name].nulls < reference.rows / 2
    )
