"""How often an endpoint is looked at: only when something is new, and never so often that looking costs much.

A turn reads the log of the windows that are over since the last (by event time, also of the one that is open), which grows with
the traffic. So a turn is skipped while nothing has changed that could change a verdict or a decision, and after a turn that
took long the next one waits nine times as long: looking after endpoints takes at most a tenth of one core.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path

from mlconfig.engine.workspace import Workspace
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep, MonitorStep
from mlconfig.records.prediction_log import FEEDBACK, SEGMENTS

REST = 9.0
"""Rest after a turn, in multiples of its length."""
ASK_S = 5.0
"""The policy is asked at least so often: a schedule may be due, a cooldown over."""


@dataclass
class Pace:
    """Decides whether a turn is due. ``clock``: seconds that only grow."""

    clock: Callable[[], float] = time.monotonic
    rested: float = 0.0
    seen: Hashable = None
    _began: float = field(default=0.0, repr=False)

    def is_new(self, stamp: Hashable) -> bool:
        """Whether anything has changed since the last turn that was done."""
        return stamp != self.seen

    def is_rested(self) -> bool:
        """Whether the rest after the last turn is over."""
        return self.clock() >= self.rested

    def begin(self) -> None:
        """A turn begins."""
        self._began = self.clock()

    def end(self, stamp: Hashable, seconds: float | None = None) -> None:
        """It ended; ``stamp`` is what it saw, taken before it began. ``seconds``: how long it took where that is known better
        (the start of its process is no reason to rest); null: since it began.
        """
        now = self.clock()
        taken = now - self._began if seconds is None else seconds
        self.rested, self.seen = now + REST * taken, stamp

    def forget(self) -> None:
        """The turn failed: what it saw is still to be looked at."""
        self.seen = None


def stamp(workspace: Workspace, plan: Plan, generation: int | None, now: float) -> Hashable:
    """All that a turn's outcome depends on, cheaply: files and their sizes, the route, and the time in steps.

    By arrival a window is judged once it is over, so new predictions alone change nothing before that; by event time every
    prediction may complete a window.
    """
    monitor, endpoint = plan.find(MonitorStep), plan.step(DeployStep).endpoint
    folder = workspace.predictions(endpoint)
    step = ASK_S
    by_event = False
    if monitor is not None:
        step = min(step, monitor.monitoring.every.total_seconds())
        by_event = monitor.monitoring.time == "event"
    predictions = _sizes(folder / SEGMENTS) if by_event else ()
    return plan.digest, generation, int(now // step), predictions, _sizes(folder / FEEDBACK)


def _sizes(folder: Path) -> tuple[tuple[str, int], ...]:
    found = []
    for file in sorted(folder.glob("*")):
        try:
            found.append((file.name, file.stat().st_size))
        except FileNotFoundError:
            continue
    return tuple(found)
