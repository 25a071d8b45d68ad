"""Whether a classifier has become less sure of its answers."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from mlconfig.builtin.proportions import upper_quantile
from mlconfig.builtin.score_tables import confidence_table, drop_error, mean_of
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Frozen, FrozenDict


class Confidence(Detector):
    """The mean probability of the answered class, beside that on held-out rows.

    It drifts when the drop is over ``max_drop`` by more than the sampling error of both means allows at alpha. A model
    can be sure and wrong: what this tells is that rows like those of the window were rare in training.
    """

    class Params(Frozen):
        """What is tolerated."""

        max_drop: float = Field(0.03, ge=0.0, le=1.0, description="Drop of the mean probability that does not matter.")

    params: Confidence.Params
    tags: ClassVar[DetectorTags] = DetectorTags(
        reads=frozenset({"scores"}),
        columnwise=False,
        large_reference=False,
        tasks=frozenset({"binary", "multiclass"}),
    )

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """One finding; none where either side has no answer."""
        scores = evidence.scores
        if scores is None or not scores.reference.rows or not scores.current.rows:
            return ()
        from scipy.special import ndtr

        table = confidence_table(scores.reference.classes)
        before, now = mean_of(scores.reference.of(), table), mean_of(scores.current.of(), table)
        drop, error = before.value - now.value, drop_error(before, now)
        threshold = self.params.max_drop + upper_quantile(evidence.alpha) * error
        low, high = (now.value + sign * 1.96 * error for sign in (-1, 1))
        return (
            Finding(
                column=None,
                statistic="confidence_drop",
                drift_score=drop,
                threshold=threshold,
                is_drift=drop > threshold,
                p_value=float(ndtr(-drop / error)) if error else None,
                details=FrozenDict(
                    {"value": now.value, "low": low, "high": high, "reference": before.value, "rows": float(now.rows)}
                ),
                message=f"mean confidence {now.value:.3f} after {before.value:.3f} on {scores.words}: "
                f"drop {drop:.3f}, {'over' if drop > threshold else 'not over'} {threshold:.3f}",
            ),
        )
