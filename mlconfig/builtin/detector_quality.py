"""Whether the rows that arrive are still rows like those of training: nulls, values out of range, new categories."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from mlconfig.contracts.detector import Detector, DetectorTags, Evidence
from mlconfig.profiles.counts import CategoricalCounts, NumericCounts
from mlconfig.profiles.profile import ColumnCounts
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Fraction, Frozen, FrozenDict, Kind


@dataclass(frozen=True)
class _Share:
    """One share of a column: how large it is, what is allowed, and how large it is at least, given how few rows there are."""

    name: str
    value: float
    allowed: float
    at_least: float

    @property
    def breached(self) -> bool:
        return self.at_least > self.allowed

    @property
    def severity(self) -> tuple[bool, float]:
        return self.breached, self.value / max(self.allowed, 1e-9)


class Quality(Detector):
    """Nulls beside the reference's share; values outside the reference's range, infinities among them; unseen categories.

    A share counts by the lower end of its interval at alpha (Wilson 1927; for the increase of nulls, where the reference varies
    too, Newcombe 1998), so a few rows prove nothing. What a small reference could not have seen is allowed for: the mass
    beyond its extremes is Beta(2, N − 1), that of unseen levels about the share of its single ones (Good 1953).
    """

    class Params(Frozen):
        """What is tolerated, as shares of a window's rows."""

        null_fraction_increase: Fraction = Field(0.02, description="Of nulls, over the reference's share.")
        out_of_range_fraction: Fraction = Field(0.01, description="Of values outside the reference's range.")
        new_category_fraction: Fraction = Field(0.005, description="Of categories that the reference never had.")

    params: Quality.Params
    tags: ClassVar[DetectorTags] = DetectorTags(large_reference=False)

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding a column, for its worst share; all shares are in the details."""
        layout = evidence.reference.layout
        return tuple(
            _finding(name, self._shares(layout.column(name).kind, reference, current, evidence.alpha))
            for name in evidence.columns
            for reference, current in [(evidence.reference.columns[name], evidence.current.columns[name])]
            if current.rows and reference.rows
        )

    def _shares(self, kind: Kind, reference: ColumnCounts, current: ColumnCounts, alpha: float) -> list[_Share]:
        alpha /= 2  # at most two shares of a column are looked at
        shares = [self._nulls(reference, current, alpha)]
        if isinstance(reference, NumericCounts) and isinstance(current, NumericCounts) and kind == "numeric":
            shares.append(self._out_of_range(reference, current, alpha))
        if isinstance(reference, CategoricalCounts) and isinstance(current, CategoricalCounts):
            shares.append(self._new_categories(reference, current, alpha))
        return shares

    def _nulls(self, reference: ColumnCounts, current: ColumnCounts, alpha: float) -> _Share:
        before, now = reference.nulls / reference.rows, current.nulls / current.rows
        lowest, _ = wilson(current.nulls, current.rows, alpha)
        _, highest = wilson(reference.nulls, reference.rows, alpha)
        increase = now - before
        at_least = increase - math.hypot(now - lowest, highest - before)
        return _Share("null_fraction_increase", increase, self.params.null_fraction_increase, at_least)

    def _out_of_range(self, reference: NumericCounts, current: NumericCounts, alpha: float) -> _Share:
        from scipy.special import betaincinv

        rows = current.rows - current.nulls
        outside = current.below + current.above
        infinite, allowed = current.pos_inf + current.neg_inf, self.params.out_of_range_fraction
        if reference.pos_inf + reference.neg_inf == 0:
            outside += infinite
        if reference.n > 1:
            allowed = max(allowed, float(betaincinv(2, reference.n - 1, 1 - alpha)))
        return _share("out_of_range_fraction", outside, rows, allowed, alpha)

    def _new_categories(self, reference: CategoricalCounts, current: CategoricalCounts, alpha: float) -> _Share:
        singles = int((reference.counts == 1).sum())
        _, unseen = wilson(singles, reference.n, alpha) if singles else (0.0, 0.0)
        allowed = max(self.params.new_category_fraction, unseen)
        return _share("new_category_fraction", current.new, current.n, allowed, alpha)


def _share(name: str, count: int, rows: int, allowed: float, alpha: float) -> _Share:
    at_least, _ = wilson(count, rows, alpha)
    return _Share(name, count / rows if rows else 0.0, allowed, at_least)


def wilson(count: int, rows: int, alpha: float) -> tuple[float, float]:
    """The bounds that a share crosses with probability alpha each (Wilson's score interval); all is possible without rows."""
    from scipy.special import ndtri

    if rows == 0:
        return 0.0, 1.0
    share, z = count / rows, -float(ndtri(alpha))
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows)
    return max(0.0, middle - half), min(1.0, middle + half)


_WORDS = {
    "null_fraction_increase": "more nulls",
    "out_of_range_fraction": "values outside the reference's range",
    "new_category_fraction": "categories never seen in training",
}


def _finding(column: str, shares: list[_Share]) -> Finding:
    worst = max(shares, key=lambda share: share.severity)
    breached = [share for share in shares if share.breached]
    said = ", ".join(f"{share.value:.1%} {_WORDS[share.name]} ({share.allowed:.1%} allowed)" for share in breached)
    return Finding(
        column=column,
        statistic=worst.name,
        drift_score=worst.value,
        threshold=worst.allowed,
        is_drift=bool(breached),
        details=FrozenDict({share.name: share.value for share in shares}),
        message=f"`{column}` has {said}" if breached else "",
    )
