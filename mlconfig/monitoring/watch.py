"""What a version is watched with: the same for every window of a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from mlconfig.monitoring.budget import alpha, checks_a_month
from mlconfig.monitoring.fold import Counter
from mlconfig.monitoring.windows import scale_lengths
from mlconfig.sections.evaluation import Fairness
from mlconfig.sections.monitoring import OUTPUT_SIGNALS

if TYPE_CHECKING:
    from mlconfig.contracts.detector import Detector, DetectorTags
    from mlconfig.contracts.metric import Metric
    from mlconfig.monitoring.baseline import Baseline
    from mlconfig.profiles.layout import Layout
    from mlconfig.records.signature import Signature
    from mlconfig.sections.monitoring import Monitoring, Signal


@dataclass(frozen=True)
class Watch:
    """One version of one endpoint, and how it is looked at.

    Args:
        endpoint, version: whose windows these are; rows that another version answered are not looked at.
        monitoring: the recipe's section.
        signature: of the version.
        baseline: what was measured when it was packaged.
        metric: the primary one, of the name ``metric_name``. metric_reference: its value at evaluation; null where it was
            undefined, and performance is unknown then.
        detectors: an instance by signal name, for each signal of ``monitoring``.
        random_state: of the recipe.
        fairness: groups and bounds.
        settings: digest of what windows are judged by, as the plan declares it.
        production: what is compared with instead of ``baseline``, with ``reference.use: production``; null where no row of the
            period is logged.
    """

    endpoint: str
    version: str
    monitoring: Monitoring
    signature: Signature
    baseline: Baseline
    metric: Metric
    metric_reference: float | None
    detectors: Mapping[str, Detector]
    random_state: int = 0
    metric_name: str = ""
    fairness: Fairness = field(default_factory=Fairness)
    settings: str = ""
    production: Baseline | None = None

    def with_production(self, production: Baseline | None) -> Watch:
        """The same, compared with a stretch of production."""
        return replace(self, production=production)

    @cached_property
    def lengths(self) -> tuple[float, ...]:
        """Window lengths in seconds, the shortest first; a signal may have a pace of its own."""
        own = {length for name in self.monitoring.signals for length in self.lengths_of(name)}
        return tuple(sorted({*scale_lengths(self.monitoring), *own}))

    def lengths_of(self, name: str) -> tuple[float, ...]:
        """Lengths of the windows that a signal judges of itself."""
        lengths = scale_lengths(self.monitoring)
        every = self.monitoring.signals[name].every
        if every is None:
            return lengths
        own = max(lengths[0], round(every.total_seconds() / lengths[0]) * lengths[0])
        return (own, *(length for length in lengths if length > own))

    def on_suspicion(self, name: str) -> bool:
        """Whether a signal with a slower pace is asked as well when another suspects drift, since it can name columns."""
        return self.lengths_of(name)[0] > self.lengths[0] and "rows" in self.tags(name).reads

    @cached_property
    def alpha(self) -> float:
        """The false-alarm probability of one check of one column; those on suspicion are counted as if always made."""
        total = 0.0
        for name, signal in self.monitoring.signals.items():
            lengths = {*self.lengths_of(name), *(self.lengths[:1] if self.on_suspicion(name) else ())}
            checks = len(self.columns(name, signal)) if self.tags(name).columnwise else 1
            total += checks_a_month(lengths, checks)
        return alpha(self.monitoring.false_alarms_per_month, total)

    def tags(self, name: str) -> DetectorTags:
        """The abilities of a signal's detector."""
        return self.detectors[name].tags

    def layout(self, name: str) -> Layout:
        """Of the profile that a signal looks at."""
        if name in OUTPUT_SIGNALS:
            return self.counter.outputs_layout
        return self.counter.inputs_layout

    def columns(self, name: str, signal: Signal) -> tuple[str, ...]:
        """What a signal looks at: all of its profile, those it names, or those that matter most."""
        if signal.columns == "auto":
            return tuple(column.name for column in self.layout(name).columns)
        if signal.columns.names is not None:
            return signal.columns.names
        assert signal.columns.top is not None
        return self.baseline.top(signal.columns.top)

    @cached_property
    def known_columns(self) -> frozenset[str]:
        """What a finding can be about: what is asked, what is answered, and the groups."""
        asked = (column.name for column in self.signature.columns)
        counted = (
            column.name
            for layout in (self.counter.inputs_layout, self.counter.outputs_layout)
            for column in layout.columns
        )
        return frozenset((*asked, *counted, *self.fairness.groups))

    @cached_property
    def counter(self) -> Counter:
        """Counts rows as the reference was counted."""
        return Counter(self.signature, self.baseline, self.fairness.groups)

    def reads_labels(self, name: str) -> bool:
        """Whether a signal looks at labels."""
        return "labels" in self.tags(name).reads

    def waits_for_labels(self, name: str) -> bool:
        """Whether a signal says nothing without labels."""
        return self.reads_labels(name) and not self.tags(name).without_labels
