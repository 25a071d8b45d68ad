"""How probable one check's false alarm may be, so that all checks together keep to the declared number a month."""

from __future__ import annotations

from collections.abc import Iterable

MONTH = 30 * 86_400.0
MOST = 0.05
"""However few checks there are, each keeps below one in twenty."""


def checks_a_month(lengths: Iterable[float], checks: int) -> float:
    """Checks of one signal in 30 days: windows of every length (seconds), each with so many checks (columns)."""
    return sum(MONTH / length for length in lengths) * checks


def alpha(false_alarms_per_month: float, checks: float) -> float:
    """The budget spread evenly over all checks of a month (Bonferroni, over columns, signals, scales and time).

    Persistence makes alarms rarer still.
    """
    return min(MOST, false_alarms_per_month / max(1.0, checks))
