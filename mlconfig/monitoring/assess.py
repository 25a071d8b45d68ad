"""One window before each signal's detector: what it votes, or why it cannot be judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mlconfig.contracts.detector import Evidence, LabelEvidence
from mlconfig.profiles.profile import Profile, empty_profile
from mlconfig.records.verdict import Finding, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

    from mlconfig.contracts.detector import Detector
    from mlconfig.monitoring.watch import Watch
    from mlconfig.sections.monitoring import Signal
    from mlconfig.vocabulary import Window

TIMES_THE_WINDOW = 10
"""A reference that is small must at least be so many times a window's rows."""

ON_QUALITY = "look at what sends these columns; retraining on broken rows makes it worse"
ON_ANSWERS = "see which columns drifted; a retrain on recent rows may help"
ON_DRIFT = "see which columns moved and whether quality is fine; if it lasts, retrain on recent rows"


@dataclass(frozen=True)
class WindowRows:
    """What is known of one window. ``table``: the inputs of its rows; ``make_profile``: their profile, made when asked for.

    ``labels``: null while no signal needs them; ``labelled`` rows of ``rows`` have one.
    """

    window: Window
    rows: int
    table: Callable[[], pa.Table]
    make_profile: Callable[[], Profile]
    labels: LabelEvidence | None = None

    @cached_property
    def profile(self) -> Profile:
        """The profile of all its rows."""
        return self.make_profile()

    @property
    def labelled(self) -> int:
        """Rows that have a label."""
        return len(self.labels.y) if self.labels is not None else 0

    @property
    def scale(self) -> float:
        """Its length in seconds."""
        return self.window.end - self.window.start


def assess_window(watch: Watch, rows: WindowRows, signals: Iterable[str]) -> tuple[Verdict, ...]:
    """The verdict of each named signal. Its ``vote`` is final; ``state`` is what one vote alone makes of it.

    Nothing that a detector or a row does ends the pass: what cannot be judged is unknown, with the reason.
    """
    return tuple(_assess(watch, rows, name, watch.monitoring.signals[name]) for name in signals)


def _assess(watch: Watch, rows: WindowRows, name: str, signal: Signal) -> Verdict:
    detector = watch.detectors[name]
    findings: tuple[Finding, ...] = ()
    reason = _why_not(watch, rows, name, signal)
    if not reason:
        try:
            findings = detector.check(_evidence(watch, rows, signal, detector))
        except Exception as error:  # noqa: BLE001 — a stranger's detector must not end the watch over the others
            reason = f"the detector `{signal.name}` raised {type(error).__name__}: {error}"
    if not reason and not findings:
        reason = _nothing_found(watch, rows, name, signal)
    vote = None if reason else any(finding.is_drift for finding in findings)
    return Verdict(
        endpoint=watch.endpoint,
        version=watch.version,
        signal=name,
        detector=signal.name,
        window=rows.window,
        scale=rows.scale,
        rows=rows.labelled if watch.reads_labels(name) else rows.rows,
        vote=vote,
        state="unknown" if vote is None else "ok",
        findings=findings,
        reason=reason,
        advice=_advice(watch, name, signal) if vote else "",
    )


def _advice(watch: Watch, name: str, signal: Signal) -> str:
    if watch.reads_labels(name):
        return ON_ANSWERS
    return ON_QUALITY if signal.name == "quality" else ON_DRIFT


def _why_not(watch: Watch, rows: WindowRows, name: str, signal: Signal) -> str:
    """Why a signal cannot be judged in this window; empty when it can."""
    if rows.rows == 0:
        return "no prediction arrived"
    if watch.reads_labels(name):
        return _why_not_by_labels(watch, rows, signal)
    asked = signal.min_rows or watch.monitoring.min_rows
    if rows.rows < asked:
        return f"{rows.rows} rows, and {asked} are needed"
    reference, wanted = watch.reference.rows, watch.monitoring.reference.min_rows
    if watch.detectors[name].tags.large_reference and reference < min(wanted, TIMES_THE_WINDOW * rows.rows):
        return f"the reference has {reference} rows; {wanted} are needed, or {TIMES_THE_WINDOW} times the window's {rows.rows}"
    known = {column.name for column in watch.reference.layout.columns}
    missing = [column for column in watch.columns(signal) if column not in known]
    return f"the reference has no column `{missing[0]}`" if missing else ""


def _why_not_by_labels(watch: Watch, rows: WindowRows, signal: Signal) -> str:
    if watch.metric_reference is None:
        return "the metric was undefined at evaluation, so there is nothing to compare with"
    if rows.labels is None or rows.labelled == 0:
        return f"none of {rows.rows} predictions has a label"
    if signal.min_rows is not None and rows.labelled < signal.min_rows:
        return f"{rows.labelled} labelled rows, and {signal.min_rows} are needed"
    return ""


def _nothing_found(watch: Watch, rows: WindowRows, name: str, signal: Signal) -> str:
    if watch.reads_labels(name):
        return f"{rows.labelled} of {rows.rows} predictions have a label: too few, or of one class only"
    return f"`{signal.name}` has no column to look at"


def _evidence(watch: Watch, rows: WindowRows, signal: Signal, detector: Detector) -> Evidence:
    reads = detector.tags.reads
    return Evidence(
        reference=watch.reference,
        current=rows.profile if "profile" in reads else empty_profile(watch.reference.layout),
        columns=watch.columns(signal),
        alpha=watch.alpha,
        random_state=watch.random_state,
        rows=rows.table() if "rows" in reads else None,
        labels=rows.labels if "labels" in reads else None,
    )
