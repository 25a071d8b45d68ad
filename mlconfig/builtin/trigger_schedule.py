"""A retrain by the calendar."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from mlconfig.contracts.trigger import Trigger, TriggerTags, TriggerView
from mlconfig.vocabulary import Frozen


class Schedule(Trigger):
    """Fires once for each time that the cron expression names, in the recipe's time zone.

    Counted from the last retrain, or from when the version went live. Times that passed unseen (a controller that was down)
    count once, together.
    """

    class Params(Frozen):
        """When."""

        cron: str = Field(description='Five fields, quoted: "0 3 * * 1" is Monday at three.')

        @field_validator("cron")
        @classmethod
        def _is_cron(cls, value: str) -> str:
            from croniter import croniter

            if len(value.split()) != 5 or not croniter.is_valid(value):
                raise ValueError(f'`{value}` is no cron expression of five fields; write "0 3 * * 1"')
            return value

    params: Schedule.Params
    tags: ClassVar[TriggerTags] = TriggerTags()

    def fires(self, view: TriggerView) -> str | None:
        """The first time due since the last retrain, if it has come."""
        from croniter import croniter

        since = max(view.live_since, view.last_retrain or view.live_since)
        zone = ZoneInfo(view.time_zone)
        due = croniter(self.params.cron, datetime.fromtimestamp(since, zone)).get_next(datetime)
        if due.timestamp() > view.now:
            return None
        return f"the schedule `{self.params.cron}` was due at {due:%Y-%m-%d %H:%M} ({view.time_zone})"
