"""``detector``: whether a window differs from the reference in a way that matters."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from mlconfig.contracts.plugin import Plugin, Tags
from mlconfig.profiles.profile import Profile
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Task

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlconfig.contracts.metric import Metric


@dataclass(frozen=True)
class DetectorTags(Tags):
    """``reads``: which parts of the evidence it needs. ``columnwise``: one finding a column (each is one check).

    ``large_reference``: the reference must hold ``monitoring.reference.min_rows``, or ten times the window, before a difference
    between the two says anything; a detector that allows for a small reference itself says False.
    """

    reads: frozenset[Literal["profile", "rows", "labels"]] = frozenset({"profile"})
    columnwise: bool = True
    large_reference: bool = True


@dataclass(frozen=True)
class LabelEvidence:
    """Predictions of a mature window joined with their labels.

    ``y``: codes or values [rows]; ``predicted`` and ``score`` as a metric reads them; ``coverage``: the share of the window's
    predictions that have a label. ``reference``: the metric at evaluation; ``metric``: the primary one.
    """

    task: Task
    metric: Metric
    reference: float
    y: np.ndarray[Any, Any]
    predicted: np.ndarray[Any, Any]
    score: np.ndarray[Any, Any] | None
    coverage: float


@dataclass(frozen=True)
class Evidence:
    """All that a detector may look at. ``alpha``: the false-alarm probability this check, one column, may use up."""

    reference: Profile
    current: Profile
    columns: tuple[str, ...]
    alpha: float
    random_state: int = 0
    rows: pa.Table | None = None
    labels: LabelEvidence | None = None
    notes: dict[str, float] = field(default_factory=dict)


class Detector(Plugin):
    """Looks at one window. Alters neither reference nor window; the same evidence gives the same findings."""

    tags: ClassVar[DetectorTags] = DetectorTags()

    @abstractmethod
    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding a column (or one in all). Empty when there is nothing to judge: the verdict is then ``unknown``."""
