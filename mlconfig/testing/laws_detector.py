"""Laws of a detector: it looks and alters nothing, and tells a gross change from none."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from mlconfig.contracts import Detector, Evidence
from mlconfig.profiles import binary
from mlconfig.records.verdict import Finding
from mlconfig.sections.monitoring import DISTANCES
from mlconfig.testing.evidence import GROUPS, evidence, rows, silent
from mlconfig.testing.law import Law, demand


def laws_for(plugin: Detector) -> list[Law]:
    """All of them; some by what the detector reads or says of itself."""
    laws: list[Law] = [
        it_alters_no_evidence, same_evidence_same_findings, findings_name_the_given_columns, identical_data_is_no_drift,
        a_gross_change_is_drift, an_empty_window_is_no_drift,
    ]  # fmt: skip
    if "profile" in plugin.tags.reads:
        laws.append(nothing_but_nulls_is_never_fine)
    if plugin.tags.judges_silence:
        laws.append(silence_where_rows_were_expected_is_drift)
    if plugin.tags.reports:
        laws.append(it_tells_the_distances_that_are_asked_for)
    return laws


def _seen(evidence: Evidence) -> dict[str, Any]:
    """Each part of the evidence, as values."""
    parts: dict[str, Any] = {"reference": binary.dump(evidence.reference), "current": binary.dump(evidence.current)}
    for part in ("rows", "reference_rows", "holdout"):
        table = getattr(evidence, part)
        parts[part] = table.to_pydict() if isinstance(table, pa.Table) else table
    for part in ("labels", "scores", "service"):
        given = getattr(evidence, part)
        parts[part] = {} if given is None else {name: _value(each) for name, each in vars(given).items()}
    return {**parts, "columns": evidence.columns, "facts": evidence.facts, "notes": dict(evidence.notes)}


def _value(part: Any) -> Any:
    """A part's field: arrays, and what holds some, as text that shows every entry."""
    if isinstance(part, np.ndarray):
        return part.tolist()
    return {name: _value(each) for name, each in part.items()} if isinstance(part, dict) else _counts(part)


def _counts(part: Any) -> Any:
    return part.counts.tolist() if hasattr(part, "counts") and hasattr(part, "groups") else part


def _drifts(found: tuple[Finding, ...]) -> list[str]:
    return [f"{finding.column or 'all'} {finding.statistic} {finding.drift_score:.4g} over {finding.threshold:.4g}"
            for finding in found if finding.is_drift]  # fmt: skip


def it_alters_no_evidence(plugin: Detector) -> None:
    """A detector never alters its reference, nor the window, nor anything else of the evidence."""
    given = evidence(plugin, rows(seed=1, gross=True))
    before = _seen(given)
    plugin.check(given)
    after = _seen(given)
    altered = [part for part in before if repr(before[part]) != repr(after[part])]
    demand(not altered, f"altered: {', '.join(altered)}", "work on copies; counts are shared by all detectors")


def same_evidence_same_findings(plugin: Detector) -> None:
    """The same evidence gives the same findings, of another instance too."""
    given = evidence(plugin, rows(seed=1, gross=True))
    seen = [plugin.check(given), plugin.check(given), type(plugin)(plugin.params, plugin.context).check(given)]
    demand(
        seen[0] == seen[1] == seen[2],
        "findings differ",
        "draw from `evidence.random_state`; keep nothing on the instance that changes what is found",
    )


def findings_name_the_given_columns(plugin: Detector) -> None:
    """Findings are about the columns that were asked for: one a column where ``columnwise``, else about all, or groups."""
    asked = replace(evidence(plugin, rows(seed=1, gross=True)), columns=("größe", "plan"))
    found = plugin.check(asked)
    demand(
        isinstance(found, tuple) and all(isinstance(one, Finding) for one in found),
        f"{found!r}",
        "return a tuple of Finding",
    )
    names = [finding.column for finding in found]
    known = {*asked.columns, *(GROUPS if plugin.tags.needs_groups else ())}
    strange = [name for name in names if name is not None and name not in known]
    demand(
        not strange, f"findings about {strange}, asked for {list(asked.columns)}", "look at `evidence.columns` alone"
    )
    demand(
        _in_order(plugin, found),
        f"findings about {names}",
        "one finding a column and `columnwise=True` (beside them findings about all only of a window's facts), or "
        "one about all, or one of each statistic, and `columnwise=False`",
    )


def _in_order(plugin: Detector, found: tuple[Finding, ...]) -> bool:
    """Whether findings are as the tags say."""
    by_column = Counter(finding.column for finding in found if finding.column is not None)
    of_all = [finding.statistic for finding in found if finding.column is None]
    if len(set(of_all)) < len(of_all):
        return False
    if plugin.tags.columnwise:
        return max(by_column.values(), default=1) == 1 and ("facts" in plugin.tags.reads or not of_all)
    pairs = Counter((finding.column, finding.statistic) for finding in found)
    return not (by_column and of_all) and max(pairs.values(), default=1) == 1


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
    """Without rows, and nothing known of how many to expect, there is nothing to judge: no finding says drift."""
    drifts = _drifts(plugin.check(evidence(plugin, rows(count=0))))
    demand(not drifts, f"drift in {'; '.join(drifts)}", "return () where `evidence.current.rows` is 0")


def nothing_but_nulls_is_never_fine(plugin: Detector) -> None:
    """A column of nulls alone, where the reference had values, is drift or not judged: it is never called fine."""
    found = plugin.check(evidence(plugin, rows(seed=1, null=True)))
    about = [one for one in found if one.column is not None or "facts" not in plugin.tags.reads]
    fine = [f"`{finding.column}` {finding.statistic}" for finding in about if not finding.is_drift]
    demand(
        not fine,
        f"called fine: {', '.join(fine)}",
        "count nulls as values of their own, or give no finding for the column",
    )


def silence_where_rows_were_expected_is_drift(plugin: Detector) -> None:
    """Who says that it judges silence says so of a window without rows where ten thousand were expected."""
    found = plugin.check(silent(plugin))
    demand(_drifts(found), "no finding says drift", "look at `evidence.facts`, or leave `judges_silence` out")
    named = [finding.column for finding in found if finding.column is not None]
    demand(not named, f"findings about {named}", "say nothing of columns without rows")


def it_tells_the_distances_that_are_asked_for(plugin: Detector) -> None:
    """Who says that it reports tells the distances of ``evidence.report`` in the details, and no others but what decides."""
    given = evidence(plugin, rows(seed=1))
    every = {name for finding in plugin.check(given) for name in finding.details}
    demand(
        every & set(DISTANCES), "no distance in the details of any finding", "put them there, or leave `reports` out"
    )
    for name in DISTANCES:
        found = plugin.check(replace(given, report=(name,)))
        more = {
            each for one in found for each in DISTANCES if each in one.details and each not in {name, one.statistic}
        }
        demand(
            not more, f"asked for {name}, it tells {', '.join(sorted(more))}", "tell those of `evidence.report` alone"
        )
        told = {each for one in found for each in one.details}
        demand(
            name in told or name not in every, f"{name} is asked for and not told", "tell those of `evidence.report`"
        )
