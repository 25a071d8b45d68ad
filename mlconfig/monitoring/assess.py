"""One window before each signal's detector: what it votes, or why it cannot be judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlconfig.contracts.detector import Evidence, ScoreEvidence, WindowFacts
from mlconfig.monitoring.compared import Compared, period_words, reference_of, too_small, worth_of
from mlconfig.monitoring.findings import NoFindingError, findings_of
from mlconfig.monitoring.parts import NO_PARTS, Parts
from mlconfig.profiles.profile import empty_profile
from mlconfig.records.service import ServiceStats
from mlconfig.records.verdict import Finding, Verdict
from mlconfig.sections.monitoring import DISTANCES, OUTPUT_SIGNALS
from mlconfig.vocabulary import plural

if TYPE_CHECKING:
    from mlconfig.monitoring.baseline import Baseline
    from mlconfig.monitoring.watch import Watch
    from mlconfig.monitoring.window_counts import WindowCounts
    from mlconfig.sections.monitoring import Signal
    from mlconfig.vocabulary import Window

NO_ANSWERS = "the version was packaged before answers were profiled; a retrain makes their reference"

TOLD = 3
"""So many columns are named in a reason."""


@dataclass(frozen=True)
class WindowView:
    """What is known of one window. ``service`` is null where it was not counted."""

    window: Window
    counts: WindowCounts
    facts: WindowFacts
    parts: Parts = NO_PARTS
    service: ServiceStats | None = None

    @property
    def rows(self) -> int:
        """Predictions."""
        return self.counts.rows

    @property
    def scale(self) -> float:
        """Its length in seconds."""
        return self.window.end - self.window.start


def assess(watch: Watch, view: WindowView, name: str) -> Verdict:
    """The verdict of one signal. Its ``vote`` is final; ``state`` is what one vote alone makes of it.

    Nothing that a detector or a row does ends the pass: what cannot be judged is unknown, with the reason.
    """
    signal, detector = watch.monitoring.signals[name], watch.detectors[name]
    compared = reference_of(watch, name, view.window, view.rows)
    findings: tuple[Finding, ...] = ()
    reason = _why_not(watch, view, name, signal, compared)
    silent = bool(reason) and detector.tags.judges_silence
    if not reason or silent:
        try:
            findings = findings_of(
                lambda: detector.check(_evidence(watch, view, name, signal, compared, silent=silent)),
                watch.known_columns,
            )
        except NoFindingError as error:
            reason = f"the detector `{signal.name}` {error}"
    if any(finding.is_drift for finding in findings):
        reason = ""  # what can be said in spite of few rows is said
    elif not reason and not findings:
        reason = _nothing_found(watch, view, name, signal)
    vote = None if reason else any(finding.is_drift for finding in findings)
    return Verdict(
        endpoint=watch.endpoint,
        version=watch.version,
        signal=name,
        detector=signal.name,
        window=view.window,
        scale=view.scale,
        rows=_rows_of(watch, view, name),
        labelled=view.parts.labelled,
        revisions=view.parts.revisions,
        settings=watch.settings,
        vote=vote,
        state="unknown" if vote is None else "ok",
        findings=() if reason else findings,
        reason=reason,
        reference=compared.words if "profile" in detector.tags.reads else "",
    )


def evidence_for(watch: Watch, view: WindowView, name: str) -> Evidence:
    """What a signal's detector is given of a window."""
    compared = reference_of(watch, name, view.window, view.rows)
    return _evidence(watch, view, name, watch.monitoring.signals[name], compared, silent=False)


def _rows_of(watch: Watch, view: WindowView, name: str) -> int:
    """What the verdict is based on: labelled rows, requests, or predictions."""
    if watch.waits_for_labels(name):
        return view.parts.labelled
    if watch.tags(name).reads == {"service"}:
        return view.service.requests if view.service is not None else 0
    return view.rows


def _why_not(watch: Watch, view: WindowView, name: str, signal: Signal, compared: Compared) -> str:
    """Why a signal cannot be judged in this window; empty when it can."""
    reads = watch.tags(name).reads
    rows = _rows_of(watch, view, name)
    if watch.waits_for_labels(name):
        return _why_not_by_labels(watch, view, signal)
    if "service" in reads and view.service is None:
        return "requests of this time were not counted"
    if rows == 0:
        return "no request arrived" if reads == {"service"} else "no prediction arrived"
    # A rate among few requests has its own wide interval; an endpoint where all of a few fail must be told.
    asked = signal.min_rows or (1 if reads == {"service"} else watch.monitoring.min_rows)
    if rows < asked:
        return f"{plural(rows, 'request' if reads == {'service'} else 'row')}, and {asked:,} are needed"
    if "profile" in reads and (problem := too_small(watch, name, compared, rows)):
        return problem
    return _missing_part(watch, view, name, signal)


def _missing_part(watch: Watch, view: WindowView, name: str, signal: Signal) -> str:
    """What a detector reads and this version or window does not have."""
    reads, known = watch.tags(name).reads, {column.name for column in watch.layout(name).columns}
    missing = [column for column in watch.columns(name, signal) if column not in known]
    if missing and "profile" in reads:
        return f"the reference has no column `{missing[0]}`"
    if "scores" in reads and (watch.baseline.scores is None or view.counts.scores is None):
        return NO_ANSWERS
    if "rows" in reads and (watch.baseline.rows is None or view.parts.sample is None):
        return "no sample of the reference's rows is kept with this version; a retrain makes one"
    return ""


def _why_not_by_labels(watch: Watch, view: WindowView, signal: Signal) -> str:
    if view.rows == 0:
        return "no prediction arrived"
    if watch.metric_reference is None:
        return "the metric was undefined at evaluation, so there is nothing to compare with"
    if view.parts.labels is None or view.parts.labelled == 0:
        return f"none of {plural(view.rows, 'prediction')} has a label"
    if signal.min_rows is not None and view.parts.labelled < signal.min_rows:
        return f"{plural(view.parts.labelled, 'labelled row')}, and {signal.min_rows:,} are needed"
    return ""


def _nothing_found(watch: Watch, view: WindowView, name: str, signal: Signal) -> str:
    if watch.waits_for_labels(name):
        return _too_few_labels(watch, view, name)
    if watch.tags(name).needs_groups:
        return f"fewer than two groups have {watch.fairness.min_rows} rows"
    if "profile" in watch.tags(name).reads and (problem := _no_columns(watch, view, name, signal)):
        return problem
    if "rows" in watch.tags(name).reads and _by_production(watch):
        return f"of {period_words(watch)} counts are kept and no rows, which `{signal.name}` compares"
    return f"`{signal.name}` found too little to judge"


def _too_few_labels(watch: Watch, view: WindowView, name: str) -> str:
    """What a metric lacks that could not be had of labels: rows, or a second class."""
    known, labels = f"{view.parts.labelled:,} of {plural(view.rows, 'prediction')} with a label", view.parts.labels
    needed = getattr(getattr(watch.detectors[name], "params", None), "min_rows", None)
    if needed is not None and view.parts.labelled < needed:
        return f"{known}, and {needed:,} are needed"
    if labels is not None and labels.task != "regression" and len(set(labels.y.tolist())) == 1:
        return f"{known}, all of one class, and {watch.metric_name or 'the metric'} needs two"
    return f"{known}, and {watch.metric_name or 'the metric'} is not defined on them"


def _no_columns(watch: Watch, view: WindowView, name: str, signal: Signal) -> str:
    """What the columns lack; empty where they have values. Correlations are of rows that have all numeric columns."""
    pairs, numeric = watch.tags(name).min_numeric, watch.layout(name).correlated
    columns = [column for column in watch.columns(name, signal) if not pairs or column in numeric]
    if len(columns) < max(pairs, 1):
        few = f"needs {pairs} numeric columns, and looks at {len(columns)}" if pairs else "has no column to look at"
        return f"`{signal.name}` {few}"
    counted = view.counts.outputs if name in OUTPUT_SIGNALS else view.counts.inputs
    asked = [column for column in (numeric if pairs else columns) if column in counted.columns]
    empty = [f"`{column}`" for column in asked if counted.columns[column].nulls == counted.rows]
    if not empty:
        return ""
    named = ", ".join(empty[:TOLD]) + (f" and {len(empty) - TOLD} more" if len(empty) > TOLD else "")
    return f"the window has no value in {named}" + (", and only rows with all numeric columns count" if pairs else "")


def _evidence(
    watch: Watch, view: WindowView, name: str, signal: Signal, compared: Compared, *, silent: bool
) -> Evidence:
    reads, nothing = watch.tags(name).reads, empty_profile(watch.layout(name))
    current = view.counts.outputs if name in OUTPUT_SIGNALS else view.counts.inputs
    looks = "profile" in reads and not silent
    known = {column.name for column in watch.layout(name).columns}
    sampled = "rows" in reads
    return Evidence(
        reference=compared.profile if compared.profile is not None else nothing,
        current=current if looks else nothing,
        columns=tuple(column for column in watch.columns(name, signal) if column in known),
        alpha=watch.alpha,
        random_state=watch.random_state,
        report=signal.report if signal.report is not None else DISTANCES,
        rows=view.parts.sample if sampled else None,
        reference_rows=watch.baseline.rows if sampled and not _by_production(watch) else None,
        holdout=watch.baseline.holdout if sampled else None,
        labels=view.parts.labels if "labels" in reads else None,
        scores=_scores(watch, view) if "scores" in reads else None,
        service=view.service if "service" in reads else None,
        facts=view.facts if "facts" in reads else None,
        fairness=watch.fairness,
        metric_name=watch.metric_name,
        worth=worth_of(watch, name, view.window, view.rows, compared),
    )


def _scores(watch: Watch, view: WindowView) -> ScoreEvidence | None:
    base: Baseline = watch.baseline
    if base.scores is None or base.calibration is None or view.counts.scores is None:
        return None
    production = watch.production.scores if watch.production is not None else None
    taken = production if production is not None and production.rows else None
    return ScoreEvidence(
        task=watch.signature.task,
        reference=taken if taken is not None else base.scores,
        current=view.counts.scores,
        calibration=base.calibration,
        metric=watch.metric,
        metric_name=watch.metric_name,
        words=f"rows of {period_words(watch)}" if taken is not None else ScoreEvidence.words,
    )


def _by_production(watch: Watch) -> bool:
    return watch.monitoring.reference.use == "production"
