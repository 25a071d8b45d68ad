"""A retrain because drift has come to stay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar, Literal

from pydantic import Field

from mlconfig.contracts.trigger import Trigger, TriggerTags, TriggerView
from mlconfig.records.verdict import Verdict
from mlconfig.vocabulary import Frozen, OneOrMore

RANK = {"suspect": 1, "alert": 2, "lasting": 3}
TOLD = 3
"""So many findings are named in a reason; the verdict holds all."""
Reached = Literal["suspect", "alert", "lasting"]


class LastingDrift(Trigger):
    """Fires when one of the signals has reached the state, at any scale."""

    class Params(Frozen):
        """Which signals, and from which state on."""

        signals: OneOrMore = Field(
            ("input_drift", "prediction_drift", "multivariate_drift"), description="Signals of monitoring, by name."
        )
        at: Reached = Field("lasting", description="suspect | alert | lasting: this state or a worse one.")

    params: LastingDrift.Params
    tags: ClassVar[TriggerTags] = TriggerTags(needs_monitoring=True)

    def fires(self, view: TriggerView) -> str | None:
        """The worst of the verdicts that reach the state."""
        return reached(view.verdicts, self.params.signals, self.params.at)


def reached(verdicts: Sequence[Verdict], signals: Sequence[str], at: Reached) -> str | None:
    """What reached the state, in words; null when nothing did.

    A window that could not be judged never does, nor does one whose rows broke on their way: a model that learned from them
    would be worse.
    """
    sound = [verdict for verdict in verdicts if verdict.cause != "pipeline_break"]
    found = [verdict for verdict in sound if verdict.signal in signals and RANK.get(verdict.state, 0) >= RANK[at]]
    if not found:
        return None
    worst = max(found, key=lambda verdict: (RANK[verdict.state], verdict.window.end))
    since = f" since {datetime.fromtimestamp(worst.since, UTC):%Y-%m-%d %H:%M} UTC" if worst.since is not None else ""
    drifted = [finding for finding in worst.findings if finding.is_drift and finding.message]
    drifted.sort(key=lambda finding: finding.drift_score / max(abs(finding.threshold), 1e-12), reverse=True)
    details = "; ".join(finding.message for finding in drifted[:TOLD])
    details += f"; and {len(drifted) - TOLD} more" if len(drifted) > TOLD else ""
    return f"{worst.signal} is {worst.state}{since}{': ' if details else ''}{details}"
