"""``sink``: where alerts go."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from mlconfig.contracts.plugin import Plugin, Tags
from mlconfig.records.verdict import Alert


@dataclass(frozen=True)
class SinkTags(Tags):
    """``remote``: it leaves the machine."""

    remote: bool = False


class Sink(Plugin):
    """Sends an alert. Raises when it could not, so that it is tried again."""

    tags: ClassVar[SinkTags] = SinkTags()

    @abstractmethod
    def send(self, alert: Alert) -> None:
        """Deliver one alert; may be called twice with the same."""
