"""What the detectors that compare columns share: the comparisons, and what a finding tells beside its score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlconfig.contracts.detector import Evidence
from mlconfig.profiles.clusters import Worth
from mlconfig.profiles.distances import Comparison, compare_all
from mlconfig.profiles.profile import ColumnCounts
from mlconfig.vocabulary import FrozenDict


@dataclass(frozen=True)
class Compared:
    """One column of reference and window, and how far they lie apart."""

    name: str
    reference: ColumnCounts
    current: ColumnCounts
    comparison: Comparison


def compared_columns(evidence: Evidence, bins: int, *, numeric_only: bool = False) -> list[Compared]:
    """Each column that can be compared. Timestamps are passed over: they always move on."""
    layout, before, now = evidence.reference.layout, evidence.reference.columns, evidence.current.columns
    wanted = {"numeric"} if numeric_only else {"numeric", "categorical", "boolean"}
    names = [
        name for name in evidence.columns if layout.column(name).kind in wanted and before[name].rows and now[name].rows
    ]
    sides = [(before[name], now[name]) for name in names]
    found = zip(names, sides, compare_all(sides, bins=bins), strict=True)
    return [Compared(name, reference, current, comparison) for name, (reference, current), comparison in found]


def column_details(evidence: Evidence, column: Compared, decides: str) -> FrozenDict[float]:
    """PSI, the distance that decides, those that are to be told, and what tells a broken pipeline from drift."""
    told = {"psi", decides, *evidence.report}
    distances = {name: value for name, value in _distances(column.comparison).items() if name.split("_")[0] in told}
    return FrozenDict(
        {
            **distances,
            "bins": float(column.comparison.bins),
            **share_details(column.reference, column.current, evidence.worth.get(column.name)),
        }
    )


def _distances(comparison: Comparison) -> dict[str, float]:
    given = {
        "psi": comparison.psi,
        "kl": comparison.kl,
        "js": comparison.js,
        "ks": comparison.ks.statistic if comparison.ks else None,
        "ks_p_value": comparison.ks.p_value if comparison.ks else None,
        "chi2": comparison.chi2.statistic,
        "chi2_p_value": comparison.chi2.p_value,
        "wasserstein": comparison.wasserstein,
    }
    return {name: value for name, value in given.items() if value is not None}


def share_details(reference: ColumnCounts, current: ColumnCounts, worth: Worth | None) -> dict[str, float]:
    """Shares of nulls, and of the window's most frequent value (its histogram bucket, its level), of all rows on either side.

    Levels that the reference never had are one value here, and so are those that are not kept. A column that is fed nulls,
    zeros or one constant has nearly all of the window in one of them, where the reference had not. ``reference_values``: how
    many even values would be as diverse as the reference's (inverse of Simpson's index, Nature 1949).
    ``independent_rows``: what rows are worth that are alike, as a month's are whose column is the month; ``alike``: the
    correlation of two that come together.
    """
    now, before = current.vector(), reference.vector()
    top = int(now.argmax())
    return {
        "null_fraction": current.nulls / current.rows,
        "reference_null_fraction": reference.nulls / reference.rows,
        "top_share": int(now[top]) / current.rows,
        "reference_top_share": int(before[top]) / reference.rows,
        "reference_values": 1.0 / float(np.square(before / max(int(before.sum()), 1)).sum() or 1.0),
        **({} if worth is None or not worth.excess else _alike(worth, current.rows)),
    }


def _alike(worth: Worth, rows: int) -> dict[str, float]:
    return {"independent_rows": worth.of_window(rows), "alike": worth.correlation}
