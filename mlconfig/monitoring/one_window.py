"""One stretch of time as a window of its own, whatever was judged before: what `monitor --window` shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from mlconfig.monitoring.assess import WindowView, assess
from mlconfig.monitoring.cause import advice, probable_cause
from mlconfig.monitoring.facts import facts_of
from mlconfig.monitoring.fold import fold_windows
from mlconfig.monitoring.label_join import LabelIndex, first_needed
from mlconfig.monitoring.labelled import WindowLabels, tally_labels
from mlconfig.monitoring.log import COUNTED, Log
from mlconfig.monitoring.parts import PartsLoader
from mlconfig.monitoring.window_counts import merged

if TYPE_CHECKING:
    from mlconfig.monitoring.watch import Watch
    from mlconfig.records.service import ServiceStats
    from mlconfig.records.verdict import Verdict
    from mlconfig.vocabulary import Window


class OneWindow:
    """A window of any length and place.

    Args:
        watch: the version.
        log: of the endpoint.
        window: which.
        service: the requests of a window, null where they were not counted.
        rows_at: rows of the endpoint's windows of ``monitoring.every`` by start, for what is to be expected.
    """

    def __init__(
        self,
        watch: Watch,
        log: Log,
        window: Window,
        service: Callable[[Window], ServiceStats | None] | None = None,
        rows_at: Mapping[float, int] | None = None,
    ) -> None:
        self.watch, self._log, self.window = watch, log, window
        self._service, self._rows_at = service, rows_at or {}

    @cached_property
    def index(self) -> LabelIndex:
        """The newest labels, as far as they can matter."""
        labels = self._log.label_blocks(first_needed(self.window.start, self.watch.monitoring))
        return LabelIndex(labels, self.watch.signature, self.watch.monitoring.labels)

    def of(self, window: Window) -> WindowLabels:
        """Rows and labels."""
        tally = tally_labels(self.watch, self._log, self.index, window.start, window.end)
        parts = tally.windows.values()
        return WindowLabels(*(sum(getattr(part, name) for part in parts) for name in ("rows", "labelled", "revisions")))

    @cached_property
    def view(self) -> WindowView:
        """What is known of it."""
        watch, window = self.watch, self.window
        blocks = self._log.blocks(window.start, window.end, watch.monitoring.time, watch.version, COUNTED)
        folded = fold_windows(blocks, watch.counter, watch.monitoring.time, watch.lengths[0])
        counts = merged(folded.values(), watch.counter.nothing)
        service = self._service(window) if self._service is not None else None
        parts = PartsLoader(watch, self._log, self).load({window: list(watch.monitoring.signals)})[window]
        facts = facts_of(watch, window, counts, self._rows_at, service)
        return WindowView(window, counts, facts, parts, service)

    def verdicts(self) -> tuple[Verdict, ...]:
        """Each signal's word. There is one window and no history, so a window that votes yes is an alert."""
        found = {name: assess(self.watch, self.view, name) for name in self.watch.monitoring.signals}
        return tuple(self._stated(verdict, found) for verdict in found.values())

    def _stated(self, verdict: Verdict, together: Mapping[str, Verdict]) -> Verdict:
        if not verdict.vote:
            return verdict
        stated = verdict.model_copy(update={"state": "alert", "since": self.window.start})
        caused = stated.model_copy(update={"cause": probable_cause(stated, (), together)})
        return caused.model_copy(update={"advice": advice(caused, self.watch.tags(verdict.signal).reads)})
