"""Bounds of shares, of their differences and of their ratios, from counts alone; each is crossed with probability alpha."""

from __future__ import annotations

import math


def upper_quantile(alpha: float) -> float:
    """The standard normal value that is exceeded with probability alpha."""
    from scipy.special import ndtri

    return -float(ndtri(alpha))


def wilson(count: float, rows: float, alpha: float) -> tuple[float, float]:
    """The bounds of a share that are crossed with probability alpha each; all is possible without rows.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
    """
    if rows == 0:
        return 0.0, 1.0
    share, z = count / rows, upper_quantile(alpha)
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows)
    return max(0.0, middle - half), min(1.0, middle + half)


def least_difference(larger: tuple[float, float], smaller: tuple[float, float], alpha: float) -> float:
    """The lower bound of one share less another, each given as (count, rows).

    Source: Newcombe, "Interval estimation for the difference between independent proportions", Statist. Med. 1998 (method 10).
    """
    first, second = larger[0] / larger[1], smaller[0] / smaller[1]
    lowest, highest = wilson(*larger, alpha)[0], wilson(*smaller, alpha)[1]
    return first - second - math.hypot(first - lowest, highest - second)


def largest_ratio(smaller: tuple[float, float], larger: tuple[float, float], alpha: float) -> float:
    """The upper bound of one share over another, each given as (count, rows); without bound where the divisor may be 0.

    Source: Donner, Zou, "Closed-form confidence intervals for functions of the normal mean and standard deviation", SMMR 2012
    (MOVER-R), on Wilson's bounds.
    """
    first, second = smaller[0] / smaller[1], larger[0] / larger[1]
    highest, lowest = wilson(*smaller, alpha)[1], wilson(*larger, alpha)[0]
    divisor = lowest * (2 * second - lowest)
    if divisor <= 0.0:
        return math.inf
    product = first * second
    root = math.sqrt(max(0.0, product**2 - divisor * highest * (2 * first - highest)))
    return (product + root) / divisor
