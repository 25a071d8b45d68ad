"""Whether the rows that arrive are still rows like those of training, as many, as new and as different."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from mlconfig.builtin.compared_columns import share_details
from mlconfig.builtin.proportions import least_difference, wilson
from mlconfig.builtin.window_checks import duplicates, freshness, missing, rejected, volume
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence
from mlconfig.profiles.counts import CategoricalCounts, NumericCounts
from mlconfig.profiles.profile import ColumnCounts
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Duration, Fraction, Frozen, FrozenDict, Kind

WHOLE_CHECKS = 5
"""Checks of the whole window, which share one column's alpha."""


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
    """Columns: nulls beside the reference's share; values outside its range, infinities among them; unseen categories.
    The whole window: columns that never came, refused requests, duplicates, the age of its newest row, and how many rows
    there are.

    A share counts by the lower end of its interval at alpha (Wilson 1927; for the increase of nulls, where the reference
    varies too, Newcombe 1998), so a few rows prove nothing. What a small reference could not have seen is allowed for:
    the mass beyond its extremes is Beta(2, N − 1), that of unseen levels about the share of its single ones (Good 1953).
    A window without rows is judged by its volume, its age and what was refused.
    """

    class Params(Frozen):
        """What is tolerated, as shares of a window's rows where nothing else is said."""

        null_fraction_increase: Fraction = Field(0.02, description="Of nulls, over the reference's share.")
        out_of_range_fraction: Fraction = Field(0.01, description="Of values outside the reference's range.")
        new_category_fraction: Fraction = Field(0.005, description="Of categories that the reference never had.")
        rejected_fraction: Fraction = Field(0.2, description="Of requests refused for what was sent.")
        duplicate_fraction_increase: Fraction = Field(
            0.2, description="Of rows whose inputs another row has, over the reference's share."
        )
        max_age: Duration | None = Field(None, description="Of the newest row by event time; null: any.")
        volume_drop: Fraction = Field(
            0.9, description="Of the rows that earlier windows of this hour had; 1: any volume will do."
        )

    params: Quality.Params
    tags: ClassVar[DetectorTags] = DetectorTags(
        reads=frozenset({"profile", "facts"}), large_reference=False, judges_silence=True
    )

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding a column, for its worst share; and one each about the whole window, as far as its facts are known."""
        layout = evidence.reference.layout
        columns = [
            _finding(
                name,
                self._shares(layout.column(name).kind, reference, current, evidence.alpha),
                share_details(reference, current, evidence.worth.get(name)),
            )
            for name in evidence.columns
            for reference, current in [(evidence.reference.columns[name], evidence.current.columns[name])]
            if current.rows and reference.rows
        ]
        return (*columns, *self._whole(evidence))

    def _whole(self, evidence: Evidence) -> list[Finding]:
        facts, alpha, params = evidence.facts, evidence.alpha / WHOLE_CHECKS, self.params
        if facts is None:
            return []
        found = [
            rejected(facts, params.rejected_fraction, alpha),
            freshness(facts, params.max_age),
            volume(facts, params.volume_drop, alpha),
        ]
        if evidence.current.rows:
            found.append(missing(facts, evidence.reference, alpha))
            found.append(duplicates(facts, params.duplicate_fraction_increase, alpha))
        return [finding for finding in found if finding is not None]

    def _shares(self, kind: Kind, reference: ColumnCounts, current: ColumnCounts, alpha: float) -> list[_Share]:
        alpha /= 2  # at most two shares of a column are looked at
        shares = [self._nulls(reference, current, alpha)]
        if isinstance(reference, NumericCounts) and isinstance(current, NumericCounts) and kind == "numeric":
            shares.append(self._out_of_range(reference, current, alpha))
        if isinstance(reference, CategoricalCounts) and isinstance(current, CategoricalCounts):
            shares.append(self._new_categories(reference, current, alpha))
        return shares

    def _nulls(self, reference: ColumnCounts, current: ColumnCounts, alpha: float) -> _Share:
        increase = current.nulls / current.rows - reference.nulls / reference.rows
        at_least = least_difference((current.nulls, current.rows), (reference.nulls, reference.rows), alpha)
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


_WORDS = {
    "null_fraction_increase": "more nulls",
    "out_of_range_fraction": "values outside the reference's range",
    "new_category_fraction": "categories never seen in training",
}


def _finding(column: str, shares: list[_Share], beside: dict[str, float]) -> Finding:
    worst = max(shares, key=lambda share: share.severity)
    breached = [share for share in shares if share.breached]
    said = ", ".join(f"{share.value:.1%} {_WORDS[share.name]} ({share.allowed:.1%} allowed)" for share in breached)
    return Finding(
        column=column,
        statistic=worst.name,
        drift_score=worst.value,
        threshold=worst.allowed,
        is_drift=bool(breached),
        details=FrozenDict({**{share.name: share.value for share in shares}, **beside}),
        message=f"`{column}` has {said}" if breached else "",
    )
