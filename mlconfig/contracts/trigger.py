"""``trigger``: whether a retrain is due."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mlconfig.contracts.plugin import Plugin, Tags
from mlconfig.records.verdict import Verdict


@dataclass(frozen=True)
class TriggerTags(Tags):
    """``needs_monitoring``: it reads verdicts, so it cannot fire without monitoring. Its param ``signals``, where it has one,
    names those that it reads; a recipe that writes it is held to signals that are watched.
    """

    needs_monitoring: bool = False


@dataclass(frozen=True)
class TriggerView:
    """What a trigger sees. ``verdicts``: the newest of each signal of the live version. Times are seconds since 1970."""

    now: float
    live_since: float
    last_retrain: float | None
    verdicts: Sequence[Verdict]
    time_zone: str = "UTC"


class Trigger(Plugin):
    """A condition. Cooldown and budget are the policy's, not the trigger's."""

    tags: ClassVar[TriggerTags] = TriggerTags()

    @abstractmethod
    def fires(self, view: TriggerView) -> str | None:
        """Why a retrain is due, in words for a person; null when it is not."""
