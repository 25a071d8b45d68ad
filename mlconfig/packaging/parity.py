"""The proof that the packaged model predicts the same as the fitted one, or the rows where it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mlconfig.errors import PackagingError
from mlconfig.packaging.hard_rows import HardRows
from mlconfig.records.packing import Feeds, Predicted, rows_in
from mlconfig.sections.packaging import Parity
from mlconfig.vocabulary import Frozen, Tuple

Array = np.ndarray[Any, Any]
Predict = Callable[[Feeds], Predicted]

FAR = 10.0
"""A row further off than so many tolerances is an outlier: a crossed threshold, not a rounding."""
SHOWN = 5


class SetReport(Frozen):
    """One set of rows. Differences are of probabilities, or of values relative to their size."""

    rows: int
    median: float
    largest: float
    outside: int
    outliers: int
    label_flips: int


class ParityReport(Frozen):
    """What was found: on the held-out rows, and on rows made to be hard."""

    tolerance: float
    holdout: SetReport
    hard: SetReport
    notes: Tuple[str] = ()


def check_parity(reference: Predict, packaged: Predict, feeds: Feeds, hard: HardRows, parity: Parity) -> ParityReport:
    """Compare both on the same packed rows.

    At least ``within_fraction`` of the rows must be within ``tolerance``, at most ``outlier_fraction`` of them more than ten
    tolerances off, in the holdout and in the hard rows alike; on a small set that means all, and none. Both sides get the same
    numbers in the type of the graph's input, so that rounding an input counts for neither. A label may differ only
    where the two best probabilities differ by no more than both tolerances: a tie.

    Args:
        reference: the fitted pipeline.
        packaged: the exported graph.
        feeds: the held-out rows.
        hard: as ``make_hard_rows`` makes them.
        parity: the bounds.

    Raises:
        PackagingError: the two differ; it names the worst rows and what is special about them.
    """
    notes = tuple(f"row {row + 1} of the holdout" for row in range(rows_in(feeds)))
    hard_notes = tuple(f"hard row {row + 1}: {note}" for row, note in enumerate(hard.notes))
    holdout, faults = _compare(reference(feeds), packaged(feeds), notes, parity)
    made, hard_faults = _compare(reference(hard.feeds), packaged(hard.feeds), hard_notes, parity)
    if faults or hard_faults:
        raise PackagingError(
            f"the packaged model does not predict what the fitted one does ({holdout.outside} of {holdout.rows} held-out and "
            f"{made.outside} of {made.rows} hard rows are off by more than {parity.tolerance:g}, "
            f"{holdout.label_flips + made.label_flips} labels differ): " + "; ".join((faults + hard_faults)[:SHOWN]),
            where="packaging.parity",
            hint="packaging.precision=float64 reckons the features in double; a transform or model of another package may "
            "have a converter that does something else",
        )
    return ParityReport(tolerance=parity.tolerance, holdout=holdout, hard=made)


def _compare(
    reference: Predicted, packaged: Predicted, notes: tuple[str, ...], parity: Parity
) -> tuple[SetReport, list[str]]:
    off = _differences(reference, packaged)
    flips = _flips(reference, packaged, parity.tolerance)
    outside, outliers = off > parity.tolerance, off > FAR * parity.tolerance
    report = SetReport(
        rows=len(off),
        median=_finite(np.median(off)) if len(off) else 0.0,
        largest=_finite(np.max(off, initial=0.0)),
        outside=int(outside.sum()),
        outliers=int(outliers.sum()),
        label_flips=int(flips.sum()),
    )
    may_be_outside = int(len(off) * (1.0 - parity.within_fraction) + 1e-9)
    may_be_outliers = int(len(off) * parity.outlier_fraction + 1e-9)
    if report.outside <= may_be_outside and report.outliers <= may_be_outliers and not (flips & ~outliers).any():
        return report, []
    worst = np.argsort(-(off + flips), kind="stable")
    bad = [row for row in worst.tolist() if outside[row] or flips[row]]
    return report, [f"{notes[row]} differs by {off[row]:.2g}" for row in bad[:SHOWN]]


def _finite(value: Any) -> float:
    """For JSON, which knows no infinity."""
    return float(min(value, np.finfo(np.float64).max))


def _differences(reference: Predicted, packaged: Predicted) -> Array:
    """How far off each row is; infinity where only one of the two is a number."""
    expected, found = np.asarray(reference.scores), np.asarray(packaged.scores)
    with np.errstate(invalid="ignore"):
        off = np.abs(expected - found)
        off = np.where((expected == found) | (np.isnan(expected) & np.isnan(found)), 0.0, off)
    off = np.where(np.isnan(off), np.inf, off)
    if off.ndim == 2:
        return np.asarray(off.max(axis=1))
    typical = float(np.mean(np.abs(expected))) if len(expected) else 1.0
    size = np.maximum(np.abs(expected), typical)
    return np.asarray(off / np.where(size > 0.0, size, 1.0))


def _flips(reference: Predicted, packaged: Predicted, tolerance: float) -> Array:
    """Rows with another label that is no tie."""
    if reference.labels is None or packaged.labels is None:
        return np.zeros(len(reference.scores), dtype=bool)
    best = np.sort(reference.scores, axis=1)
    return np.asarray((reference.labels != packaged.labels) & (best[:, -1] - best[:, -2] > 2.0 * tolerance))
