"""A retrain by the calendar."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from mlconfig.contracts.trigger import Trigger, TriggerTags, TriggerView
from mlconfig.vocabulary import Cron, Frozen, cron_after


class Schedule(Trigger):
    """Fires once for each time that the cron expression names, in the recipe's time zone.

    Counted from the last retrain, or from when the version went live. Times that passed unseen (a controller that was down)
    count once, together.
    """

    class Params(Frozen):
        """When."""

        cron: Cron = Field(description='Five fields, quoted: "0 3 * * 1" is Monday at three.')

    params: Schedule.Params
    tags: ClassVar[TriggerTags] = TriggerTags()

    def fires(self, view: TriggerView) -> str | None:
        """The first time due since the last retrain, if it has come."""
        since = max(view.live_since, view.last_retrain or view.live_since)
        due = cron_after(self.params.cron, since, view.time_zone)
        if due.timestamp() > view.now:
            return None
        return f"the schedule `{self.params.cron}` was due at {due:%Y-%m-%d %H:%M} ({view.time_zone})"
