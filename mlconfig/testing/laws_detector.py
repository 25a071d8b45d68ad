"""Laws of a detector: it looks and alters nothing, and tells a gross change from none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from mlconfig.contracts import Context, Detector, Evidence, LabelEvidence
from mlconfig.contracts.catalog import Catalog
from mlconfig.profiles import binary
from mlconfig.profiles.profile import Layout, fit_layout, profile_of
from mlconfig.records.verdict import Finding
from mlconfig.testing.law import Law, demand
from mlconfig.vocabulary import Kind

Array = np.ndarray[Any, Any]
KINDS: dict[str, Kind] = {"income": "numeric", "größe": "numeric", "plan": "categorical", "member": "boolean"}
ROWS, ALPHA = 4000, 1e-4


def laws_for(plugin: Detector) -> list[Law]:
    """All of them; some by what the detector reads."""
    laws: list[Law] = [
        it_alters_no_evidence, same_evidence_same_findings, findings_name_the_given_columns, identical_data_is_no_drift,
        a_gross_change_is_drift, an_empty_window_is_no_drift,
    ]  # fmt: skip
    return [*laws, nothing_but_nulls_is_never_fine] if "profile" in plugin.tags.reads else laws


def rows(*, seed: int = 0, count: int = ROWS, gross: bool = False, null: bool = False) -> pa.Table:
    """Rows of two numeric, a categorical and a boolean column; ``gross``: all of them moved far; ``null``: nothing else."""
    rng = np.random.default_rng(seed)
    income, size = rng.lognormal(8.0, 0.5, count), rng.normal(1.7, 0.1, count)
    plans = np.asarray(["basic", "pro", "team"], dtype=object)[rng.choice(3, count, p=[0.6, 0.3, 0.1])]
    member = rng.random(count) < 0.5
    if gross:
        income, size = income * 20.0 + 1e5, size + 2.0
        plans, member = np.where(rng.random(count) < 0.9, "never seen", plans), np.ones(count, dtype=bool)
    hidden = np.ones(count, dtype=bool) if null else rng.random(count) < 0.01
    kinds = {"income": pa.float64(), "größe": pa.float32(), "plan": pa.string(), "member": pa.bool_()}
    columns = zip(kinds, (income, size.astype(np.float32), plans, member), strict=True)
    return pa.table({name: pa.array(values, kinds[name], mask=hidden) for name, values in columns})


def evidence(plugin: Detector, window: pa.Table, *, right: float = 0.9) -> Evidence:
    """A window beside the reference, with the parts that the detector reads; ``right``: share of right answers."""
    reference = rows()
    layout: Layout = fit_layout(reference, KINDS)
    reads = plugin.tags.reads
    return Evidence(
        reference=profile_of(layout, reference), current=profile_of(layout, window), columns=tuple(KINDS), alpha=ALPHA,
        rows=window if "rows" in reads else None, labels=_labels(window.num_rows, right) if "labels" in reads else None,
        notes={"seed": 1.0},
    )  # fmt: skip


def _labels(count: int, right: float) -> LabelEvidence:
    rng = np.random.default_rng(9)
    y = rng.integers(0, 2, count)
    predicted = np.where(np.arange(count) < right * count, y, 1 - y)
    score = np.where(predicted == 1, 0.8, 0.2)
    accuracy = Catalog().create("metric", "accuracy", {}, Context())
    return LabelEvidence("binary", accuracy, 0.9, y, predicted, score, coverage=1.0)


def _seen(evidence: Evidence) -> tuple[Any, ...]:
    """All of the evidence, as values."""
    labels = evidence.labels
    arrays = () if labels is None else (labels.y, labels.predicted, labels.score)
    return (
        binary.dump(evidence.reference), binary.dump(evidence.current), evidence.columns, dict(evidence.notes),
        None if evidence.rows is None else evidence.rows.to_pydict(), *(np.array(array).tolist() for array in arrays),
    )  # fmt: skip


def _drifts(found: tuple[Finding, ...]) -> list[str]:
    return [f"{finding.column or 'all'} {finding.statistic} {finding.drift_score:.4g} over {finding.threshold:.4g}"
            for finding in found if finding.is_drift]  # fmt: skip


def it_alters_no_evidence(plugin: Detector) -> None:
    """A detector never alters its reference, nor the window, nor anything else of the evidence."""
    given = evidence(plugin, rows(seed=1, gross=True))
    before = _seen(given)
    plugin.check(given)
    parts = ("reference", "current", "columns", "notes", "rows", "labels", "labels", "labels")
    altered = [part for part, one, other in zip(parts, before, _seen(given), strict=False) if one != other]
    demand(
        not altered,
        f"altered: {', '.join(dict.fromkeys(altered))}",
        "work on copies; counts are shared by all detectors",
    )


def same_evidence_same_findings(plugin: Detector) -> None:
    """The same evidence gives the same findings, of another instance too."""
    given = evidence(plugin, rows(seed=1, gross=True))
    seen = [plugin.check(given), plugin.check(given), type(plugin)(plugin.params, plugin.context).check(given)]
    demand(
        seen[0] == seen[1] == seen[2],
        "findings differ",
        "draw from `evidence.random_state`; keep nothing on the instance",
    )


def findings_name_the_given_columns(plugin: Detector) -> None:
    """Findings are about the columns that were asked for: one a column where ``columnwise``, else at most one about all."""
    asked = replace(evidence(plugin, rows(seed=1, gross=True)), columns=("größe", "plan"))
    found = plugin.check(asked)
    demand(
        isinstance(found, tuple) and all(isinstance(one, Finding) for one in found),
        f"{found!r}",
        "return a tuple of Finding",
    )
    names = [finding.column for finding in found]
    strange = [name for name in names if name is not None and name not in asked.columns]
    demand(
        not strange, f"findings about {strange}, asked for {list(asked.columns)}", "look at `evidence.columns` alone"
    )
    good = (
        (None not in names and len(set(names)) == len(names))
        if plugin.tags.columnwise
        else len(names) <= 1 or None not in names
    )
    demand(
        good,
        f"findings about {names}",
        "one finding a column and `columnwise=True`, or one in all and `columnwise=False`",
    )


def identical_data_is_no_drift(plugin: Detector) -> None:
    """The reference's own rows, answered as well as at evaluation, are no drift."""
    drifts = _drifts(plugin.check(evidence(plugin, rows())))
    demand(
        not drifts,
        f"drift in {'; '.join(drifts)}",
        "compare reference and window the same way; alarm above a threshold only",
    )


def a_gross_change_is_drift(plugin: Detector) -> None:
    """A window that is grossly different, and answered worse than by chance, drifts in at least one finding."""
    found = plugin.check(evidence(plugin, rows(seed=1, gross=True), right=0.3))
    demand(found, "no finding at all", "judge a window of 4000 rows")
    demand(
        _drifts(found),
        "is_drift is False in all findings",
        "the threshold lies far too high, or the measure does not see it",
    )


def an_empty_window_is_no_drift(plugin: Detector) -> None:
    """Without rows there is nothing to judge: no finding says drift, and nothing is raised."""
    drifts = _drifts(plugin.check(evidence(plugin, rows(count=0))))
    demand(not drifts, f"drift in {'; '.join(drifts)}", "return () where `evidence.current.rows` is 0")


def nothing_but_nulls_is_never_fine(plugin: Detector) -> None:
    """A column of nulls alone, where the reference had values, is drift or not judged: it is never called fine."""
    found = plugin.check(evidence(plugin, rows(seed=1, null=True)))
    fine = [f"`{finding.column}` {finding.statistic}" for finding in found if not finding.is_drift]
    demand(
        not fine,
        f"called fine: {', '.join(fine)}",
        "count nulls as values of their own, or give no finding for the column",
    )
