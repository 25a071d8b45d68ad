"""Round numbers for the axes of values."""

from __future__ import annotations

import math

from mlconfig.pages.wording import number


def nice_step(length: float, most: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that divides a length into at most so many parts."""
    raw = max(length / most, 5e-324 * 1e16)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= raw * (1 - 1e-9))


def value_ticks(low: float, high: float, most: int = 5) -> list[tuple[float, str]]:
    """Round values within a range, and how they are written."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [(low, number(low))] if math.isfinite(low) else []
    step = nice_step(high - low, most)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [(place * step, _label(place * step, step)) for place in range(first, last + 1)]


def _label(value: float, step: float) -> str:
    """As many decimals as the step has, so that neighbours look alike."""
    if abs(value) >= 10_000 or (value != 0 and abs(value) < 1e-3):
        return number(value)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{decimals}f}".replace("-", "−")
