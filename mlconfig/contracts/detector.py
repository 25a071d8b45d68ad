"""``detector``: whether a window differs from the reference in a way that matters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from mlconfig.contracts.plugin import ALL_TASKS, Plugin, Tags
from mlconfig.profiles.clusters import Worth
from mlconfig.profiles.profile import Profile
from mlconfig.profiles.scores import ScoreCounts
from mlconfig.records.service import ServiceStats
from mlconfig.records.verdict import Finding
from mlconfig.sections.evaluation import Fairness
from mlconfig.sections.monitoring import DISTANCES, Distance
from mlconfig.vocabulary import Kind, Task

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlconfig.contracts.metric import Metric

    Vector = np.ndarray[Any, Any]

Part = Literal["profile", "rows", "labels", "scores", "service", "facts"]


@dataclass(frozen=True)
class DetectorTags(Tags):
    """``reads``: which parts of the evidence it needs. ``columnwise``: one finding a column (each is one check).

    ``large_reference``: the reference must hold ``monitoring.reference.min_rows``, or ten times the window, before a difference
    between the two says anything; a detector that allows for a small reference itself says False. ``tasks``: those it has
    something to say about. ``min_numeric``: so many numeric columns are needed. ``reports``: it tells ``Evidence.report``.
    ``bounds_metric``: its params ``min`` and ``max`` are the lowest and the highest accepted value of the primary metric, and
    the one on its good side, which lets everything pass, is refused.
    ``needs_groups``: it compares ``evaluation.fairness.groups``. ``judges_silence``: it can judge a window with too few rows.
    ``without_labels``: it reads labels where there are some and says something before.
    ``rows``: at most so many rows of the window and of the reference are given to a detector that reads rows.
    ``notice``: what a recipe's owner must know before using it (a licence, say); shown when a plan that names it is compiled.
    ``kinds``: of the columns that it can compare; naming one of another kind is refused.
    """

    reads: frozenset[Part] = frozenset({"profile"})
    columnwise: bool = True
    large_reference: bool = True
    tasks: frozenset[Task] = ALL_TASKS
    min_numeric: int = 0
    reports: bool = False
    bounds_metric: bool = False
    needs_groups: bool = False
    judges_silence: bool = False
    without_labels: bool = False
    rows: int = 5000
    notice: str = ""
    kinds: frozenset[Kind] = frozenset(get_args(Kind))


@dataclass(frozen=True)
class LabelEvidence:
    """Predictions of a mature window joined with their labels.

    ``y``: codes or values [rows]; ``predicted`` and ``score`` as a metric reads them; ``coverage``: the share of the window's
    predictions that have a label. ``reference``: the metric at evaluation; ``metric``: the primary one, ``metric_name`` its
    name. ``groups``: level of each row as text, by column of ``evaluation.fairness.groups`` [rows], null where it is missing.
    ``total``: predictions in the window; the rows here are an even sample of the labelled where those are very many.
    """

    task: Task
    metric: Metric
    reference: float
    y: Vector
    predicted: Vector
    score: Vector | None
    coverage: float
    metric_name: str = ""
    groups: Mapping[str, Vector] = field(default_factory=dict)
    total: int = 0


@dataclass(frozen=True)
class ScoreEvidence:
    """A classifier's answers as counts, and what a score is worth.

    ``reference``: of held-out rows, which the version was not trained on, or of a stretch of production; ``current``: of the
    window. ``calibration``: for each score bucket the true share of class 1 (two classes) or of right answers (more) among
    held-out rows, smoothed [512].
    ``metric``: the primary one; ``metric_name`` its name. ``words``: what the reference is, as a message says it.
    """

    task: Task
    reference: ScoreCounts
    current: ScoreCounts
    calibration: Vector
    metric: Metric
    metric_name: str = ""
    words: str = "held-out rows"


@dataclass(frozen=True)
class WindowFacts:
    """What is known of a window beside its counts.

    ``rows``: predictions. ``expected_rows``: of a window of this length at this hour, from earlier windows; null while there
    are too few. ``duplicate_fraction``: share of rows whose inputs another row of the window has;
    ``reference_duplicate_fraction`` the same among the reference's.
    ``newest_age``: seconds between the newest event time and the end of the window (or the
    moment it was seen), null without event times. ``missing``: columns of the reference that no row of the window has a
    value of; ``omittable``: those of them that requests may leave out, and not only send as null.
    ``rejected_fraction``: requests refused because of what was sent, of all ``requests``; null where it is not known.
    """

    rows: int
    expected_rows: float | None = None
    duplicate_fraction: float | None = None
    reference_duplicate_fraction: float = 0.0
    newest_age: float | None = None
    missing: tuple[str, ...] = ()
    omittable: tuple[str, ...] = ()
    rejected_fraction: float | None = None
    requests: int | None = None


@dataclass(frozen=True)
class Evidence:
    """All that a detector may look at; parts that its ``Tags.reads`` does not name are null.

    ``reference`` and ``current``: profiles of one layout, of what was asked, or for a signal over answers of what was answered.
    ``alpha``: the false-alarm probability this check, one column, may use up. ``report``: distances to tell beside the score.
    ``rows`` and ``reference_rows``: even samples, the columns of the profile, and in ``rows`` the answer as
    ``prediction.label`` or ``prediction.value``. ``holdout``: rows that the version was not trained on, with their
    answers and, as ``label.value`` (regression) or ``label.code``, the truth. ``metric_name``: the primary metric's.
    ``worth``: what share of their rows counts as independent, by column, where rows that come together are alike.
    """

    reference: Profile
    current: Profile
    columns: tuple[str, ...]
    alpha: float
    random_state: int = 0
    report: tuple[Distance, ...] = DISTANCES
    rows: pa.Table | None = None
    reference_rows: pa.Table | None = None
    holdout: pa.Table | None = None
    labels: LabelEvidence | None = None
    scores: ScoreEvidence | None = None
    service: ServiceStats | None = None
    facts: WindowFacts | None = None
    fairness: Fairness = field(default_factory=Fairness)
    metric_name: str = ""
    worth: Mapping[str, Worth] = field(default_factory=dict)
    notes: dict[str, float] = field(default_factory=dict)


class Detector(Plugin):
    """Looks at one window. Alters neither reference nor window; the same evidence gives the same findings."""

    tags: ClassVar[DetectorTags] = DetectorTags()

    @abstractmethod
    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding a column (or one in all). Empty when there is nothing to judge: the verdict is then ``unknown``."""

    def explain(self, evidence: Evidence) -> tuple[str, ...]:  # noqa: ARG002 — a detector that can say more overrides it
        """How score and threshold came about, a sentence each; empty where the findings say it all."""
        return ()
