"""``searcher``: which values to try next."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from mlconfig.contracts.plugin import Plugin, Tags


@dataclass(frozen=True)
class SearcherTags(Tags):
    """``finite``: the searcher runs out of values by itself."""

    finite: bool = False


class Searcher(Plugin):
    """Ask and tell. Seeded by ``context.random_state``; the same answers to the same history."""

    tags: ClassVar[SearcherTags] = SearcherTags()

    @abstractmethod
    def start(self, space: Mapping[str, Any]) -> None:
        """``space``: ``sections.Dimension`` by recipe path."""

    @abstractmethod
    def ask(self) -> dict[str, Any] | None:
        """The next values by recipe path; null when there are no more."""

    def tell(self, values: Mapping[str, Any], loss: float) -> None:  # noqa: ARG002 — a searcher that learns overrides it
        """The loss (smaller is better, NaN for a failed trial) that these values led to."""
        return
