"""What a version is watched with: the same for every window of a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mlconfig.monitoring.budget import alpha
from mlconfig.monitoring.windows import scale_lengths

if TYPE_CHECKING:
    from mlconfig.contracts.detector import Detector
    from mlconfig.contracts.metric import Metric
    from mlconfig.profiles.profile import Profile
    from mlconfig.records.signature import Signature
    from mlconfig.sections.monitoring import Monitoring, Signal


@dataclass(frozen=True)
class Watch:
    """One version of one endpoint, and how it is looked at.

    Args:
        endpoint, version: whose windows these are; rows that another version answered are not looked at.
        monitoring: the recipe's section.
        signature: of the version.
        reference: the profile made at training.
        metric: the primary one. metric_reference: its value at evaluation; null where it was undefined, and performance is
            unknown then.
        detectors: an instance by signal name, for each signal of ``monitoring``.
        random_state: of the recipe.
    """

    endpoint: str
    version: str
    monitoring: Monitoring
    signature: Signature
    reference: Profile
    metric: Metric
    metric_reference: float | None
    detectors: Mapping[str, Detector]
    random_state: int = 0

    @cached_property
    def lengths(self) -> tuple[float, ...]:
        """Window lengths in seconds, the shortest first."""
        return scale_lengths(self.monitoring)

    @cached_property
    def alpha(self) -> float:
        """The false-alarm probability of one check of one column."""
        checks = sum(
            len(self.columns(signal)) if self.detectors[name].tags.columnwise else 1
            for name, signal in self.monitoring.signals.items()
        )
        return alpha(self.monitoring.false_alarms_per_month, self.lengths, checks)

    def columns(self, signal: Signal) -> tuple[str, ...]:
        """What a signal looks at: all of the reference, or those it names."""
        if signal.columns == "auto" or signal.columns.names is None:
            return tuple(column.name for column in self.reference.layout.columns)
        return signal.columns.names

    def reads_labels(self, name: str) -> bool:
        """Whether a signal waits for labels."""
        return "labels" in self.detectors[name].tags.reads
