"""One column of one window, in full: counts on both sides, the statistic, the threshold, and how it came about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mlconfig.errors import DataError
from mlconfig.monitoring.assess import WindowView, assess, evidence_for
from mlconfig.monitoring.budget import checks_a_month
from mlconfig.monitoring.compared import reference_of
from mlconfig.profiles.counts import CategoricalCounts, NumericCounts
from mlconfig.profiles.distances import BINS, coarse_bins, coarsen
from mlconfig.profiles.histogram import edges

if TYPE_CHECKING:
    from mlconfig.monitoring.watch import Watch
    from mlconfig.profiles.layout import ColumnLayout
    from mlconfig.profiles.profile import ColumnCounts, Profile
    from mlconfig.records.verdict import Verdict

LEVELS = 15
"""Levels that are told one by one; the others together."""


@dataclass(frozen=True)
class Bin:
    """A stretch of values, a level, or what stands apart (nulls, infinities): how many rows of either side are in it."""

    label: str
    reference: int
    current: int


@dataclass(frozen=True)
class Judged:
    """A signal that looks at the column: its verdict on it alone, what it compared with, and the sentences of its detector."""

    verdict: Verdict
    reference: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """All about a column in a window.

    ``budget``: how alpha came about, a sentence each.
    """

    column: str
    kind: str
    reference_rows: int
    rows: int
    bins: tuple[Bin, ...]
    judged: tuple[Judged, ...]
    alpha: float
    budget: tuple[str, ...]


def explain_column(watch: Watch, view: WindowView, column: str) -> Explanation:
    """Everything that is known of a column in a window. ``DataError`` for a column that is neither asked nor answered."""
    names = [
        name for name in watch.monitoring.signals if "profile" in watch.tags(name).reads and _has(watch, name, column)
    ]
    side = "answers" if names and _is_answer(watch, column) else "inputs"
    profile = _reference(watch, view, names, column)
    current = view.counts.outputs if side == "answers" else view.counts.inputs
    layout = profile.layout.column(column)
    reference_counts, counts = profile.columns[column], current.columns[column]
    return Explanation(
        column,
        layout.kind,
        profile.rows,
        current.rows,
        tuple(_bins(layout, reference_counts, counts)),
        tuple(_judged(watch, view, name, column) for name in names if watch.tags(name).columnwise),
        watch.alpha,
        tuple(_budget(watch)),
    )


def _is_answer(watch: Watch, column: str) -> bool:
    return column in {each.name for each in watch.counter.outputs_layout.columns}


def _has(watch: Watch, name: str, column: str) -> bool:
    return column in {each.name for each in watch.layout(name).columns} and column in watch.columns(
        name, watch.monitoring.signals[name]
    )


def _reference(watch: Watch, view: WindowView, names: list[str], column: str) -> Profile:
    for name in names:
        compared = reference_of(watch, name, view.window, view.rows)
        if compared.profile is not None:
            return compared.profile
    known = [
        each.name for profile in (watch.counter.inputs_layout, watch.counter.outputs_layout) for each in profile.columns
    ]
    if column in known:
        base = watch.baseline.outputs if _is_answer(watch, column) else watch.baseline.inputs
        if base is not None:
            return base
    raise DataError("is not monitored", where=f"column `{column}`", hint=f"one of {', '.join(known)}")


def _judged(watch: Watch, view: WindowView, name: str, column: str) -> Judged:
    """A signal's word on the column alone, at the probability that it has among all."""
    verdict = assess(watch, view, name)
    evidence = replace(evidence_for(watch, view, name), columns=(column,))
    mine = tuple(finding for finding in verdict.findings if finding.column == column)
    sentences = watch.detectors[name].explain(evidence) if mine else ()
    return Judged(verdict.model_copy(update={"findings": mine}), verdict.reference, sentences)


def _budget(watch: Watch) -> Iterator[str]:
    """How alpha came about."""
    total = 0.0
    for name, signal in watch.monitoring.signals.items():
        lengths = {*watch.lengths_of(name), *(watch.lengths[:1] if watch.on_suspicion(name) else ())}
        columns = len(watch.columns(name, signal)) if watch.tags(name).columnwise else 1
        checks = checks_a_month(lengths, columns)
        total += checks
        yield f"{name}: {columns} check(s) a window, {checks:,.0f} in 30 days"
    tolerated = watch.monitoring.false_alarms_per_month
    yield f"alpha = {tolerated:g} false alarm(s) a month / {total:,.0f} checks = {watch.alpha:.3g} for each check"


def _bins(layout: ColumnLayout, reference: ColumnCounts, current: ColumnCounts) -> Iterator[Bin]:
    yield Bin("null", reference.nulls, current.nulls)
    if isinstance(reference, NumericCounts) and isinstance(current, NumericCounts):
        yield from _numeric_bins(layout, reference, current)
    elif isinstance(reference, CategoricalCounts) and isinstance(current, CategoricalCounts):
        yield from _levels(layout, reference, current)


def _numeric_bins(layout: ColumnLayout, reference: NumericCounts, current: NumericCounts) -> Iterator[Bin]:
    starts = coarse_bins(reference.vector(), BINS)
    inner = layout.centre + layout.scale * edges()
    sides = coarsen(reference.vector(), starts), coarsen(current.vector(), starts)
    bounds = [-np.inf, *(float(inner[start - 1]) for start in starts[1:]), np.inf]
    for place, (before, now) in enumerate(zip(*(side.tolist() for side in sides), strict=True)):
        yield Bin(_between(bounds[place], bounds[place + 1]), before, now)
    yield Bin("of these below the reference's smallest", reference.below, current.below)
    yield Bin("of these above the reference's largest", reference.above, current.above)
    yield Bin("of these infinite", reference.pos_inf + reference.neg_inf, current.pos_inf + current.neg_inf)


def _between(low: float, high: float) -> str:
    if low == -np.inf:
        return f"below {high:.6g}" if high != np.inf else "all values"
    return f"{low:.6g} and more" if high == np.inf else f"{low:.6g} to {high:.6g}"


def _levels(layout: ColumnLayout, reference: CategoricalCounts, current: CategoricalCounts) -> Iterator[Bin]:
    pairs = list(zip(layout.categories, reference.counts.tolist(), current.counts.tolist(), strict=True))
    for level, before, now in pairs[:LEVELS]:
        yield Bin(f"`{level}`", before, now)
    rest = pairs[LEVELS:]
    if rest:
        yield Bin(f"{len(rest)} more levels", sum(pair[1] for pair in rest), sum(pair[2] for pair in rest))
    yield Bin("levels that are not kept", reference.other, current.other)
    yield Bin("levels never seen in the reference", reference.new, current.new)
