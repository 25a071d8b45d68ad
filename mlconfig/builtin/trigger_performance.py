"""A retrain because answers have become worse, measured with labels."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from mlconfig.builtin.trigger_lasting_drift import Reached, reached
from mlconfig.contracts.trigger import Trigger, TriggerTags, TriggerView
from mlconfig.vocabulary import Frozen, OneOrMore


class PerformanceDrop(Trigger):
    """Fires when a performance signal has reached the state: its interval lay under its floor in m of n windows."""

    class Params(Frozen):
        """Which signals, and from which state on."""

        signals: OneOrMore = Field(("performance",), description="Signals of monitoring, by name.")
        at: Reached = Field("alert", description="suspect | alert | lasting: this state or a worse one.")

    params: PerformanceDrop.Params
    tags: ClassVar[TriggerTags] = TriggerTags(needs_monitoring=True)

    def fires(self, view: TriggerView) -> str | None:
        """The worst of the verdicts that reach the state."""
        return reached(view.verdicts, self.params.signals, self.params.at)
