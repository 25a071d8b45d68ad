"""Alerts on their way to people: what is to be said is decided in the turn, and delivered outside of it.

``tell`` decides and puts into the outbox in one transaction; ``deliver`` reads the outbox and sends. They share nothing but the
database, so a sink that hangs holds up neither the watch nor another sink.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from mlconfig.engine.secrecy import hidden
from mlconfig.engine.workspace import Toolbox, Workspace
from mlconfig.errors import EngineError
from mlconfig.lifecycle.outbox import Letter
from mlconfig.lifecycle.store import Store
from mlconfig.monitoring.alerts import Said, alerts_of, recipients, standing_alerts
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import MonitorStep, RegisterStep
from mlconfig.records.verdict import Alert, Verdict
from mlconfig.sections.alerts import Sink

logger = logging.getLogger(__name__)

KEPT_S = 30 * 86_400.0
"""So long a letter that was sent is kept after its alert has ended."""
PATIENCE_S = 90.0
"""So long a sink may take for one alert. Its thread cannot be ended, so it is left behind; its process ends with the task."""


@dataclass(frozen=True)
class Delivery:
    """What a delivery did: how many alerts were taken, and what each sink that did not take one said, by its name."""

    sent: int = 0
    failed: tuple[tuple[str, str], ...] = ()


def tell(
    plan: Plan, store: Store, verdicts: Sequence[Verdict], previous: Sequence[Verdict], version: str, now: float
) -> tuple[Alert, ...]:
    """Decide what is to be said after a pass, and put it into the outbox; what was decided, in order.

    What an interrupted turn should have said is said too: alerts that hold, and ends of those that do not.

    Args:
        plan: the applied plan, which monitors.
        store: the lifecycle's; the pass's verdicts are in it already.
        verdicts: what the pass found, new and changed.
        previous: what was known of the live version before it.
        version: the live one; what is open of others is ended.
        now: the clock, seconds since 1970.
    """
    monitor, owner = plan.step(MonitorStep), plan.step(RegisterStep).owner
    said = Said(plan.name, owner, now, monitor.alerts, monitor.monitoring)
    news = alerts_of(verdicts, previous, **vars(said))
    standing = standing_alerts(_overlaid(previous, verdicts), store.alerts.open(monitor.endpoint), version, said)
    others = [alert for alert in standing if alert.version != version]  # they end before this version's begin
    return store.alerts.decide((*others, *news, *standing), partial(recipients, monitor.alerts), said.repeat)


def _overlaid(previous: Sequence[Verdict], verdicts: Sequence[Verdict]) -> list[Verdict]:
    """What is known now: one verdict for each signal, scale and window."""
    known = {(verdict.signal, verdict.scale, verdict.window.start): verdict for verdict in (*previous, *verdicts)}
    return list(known.values())


def deliver(workspace: Workspace, plan: Plan, store: Store, now: float, patience: float = PATIENCE_S) -> Delivery:
    """Send what is due, each sink by itself. Safe to run twice at once, and after a crash anywhere.

    Ask ``store.outbox.is_due(endpoint, now)`` first where starting a process for it costs something.

    Args:
        workspace: the project.
        plan: the applied plan; one that does not monitor has no sinks.
        store: the lifecycle's.
        now: the clock, seconds since 1970.
        patience: how long a sink may take for one alert, in seconds.
    """
    monitor = plan.find(MonitorStep)
    if monitor is None:
        return Delivery()
    store.outbox.prune(monitor.endpoint, now - KEPT_S)
    return _Round(Toolbox(workspace, plan), monitor, store, now, patience).carry_out()


@dataclass
class _Round:
    """One delivery: a thread for each alert under way, at most one a sink; the database is this thread's alone."""

    tools: Toolbox
    monitor: MonitorStep
    store: Store
    now: float
    patience: float
    sent: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _under_way: dict[str, tuple[Letter, float]] = field(default_factory=dict)
    _done: queue.Queue[tuple[Letter, str | None]] = field(default_factory=queue.Queue)

    def carry_out(self) -> Delivery:
        self._begin_all()
        while self._under_way:
            self._await_one()
            self._begin_all()
        return Delivery(self.sent, tuple(self.failed.items()))

    def _clock(self) -> float:
        return self.now + time.monotonic() - self._began

    def _begin_all(self) -> None:
        """Give each free sink its next letter; one that failed gets no other in this delivery."""
        busy = {*self._under_way, *self.failed}
        while (letter := self.store.outbox.claim(self.monitor.endpoint, self._clock(), busy)) is not None:
            busy.add(letter.sink)
            self._under_way[letter.sink] = letter, time.monotonic() + self.patience
            threading.Thread(target=self._send, args=(letter,), name=f"sink-{letter.sink}", daemon=True).start()

    def _send(self, letter: Letter) -> None:
        error: str | None = None
        try:
            sink = self._sink(letter.sink)
            self.tools.create("sink", sink.name, sink.params).send(letter.alert)
        except Exception as caught:  # noqa: BLE001 — whatever a sink raises, the others go on
            error = hidden(f"{caught}" or type(caught).__name__, self.tools.workspace, self.tools.plan)
        self._done.put((letter, error))

    def _sink(self, name: str) -> Sink:
        sink = self.monitor.alerts.sinks.get(name)
        if sink is None:
            raise EngineError(f"the plan has no sink `{name}` any more", "alerts.sinks", "declare it again and apply")
        return sink

    def _await_one(self) -> None:
        deadline = min(until for _, until in self._under_way.values())
        try:
            letter, error = self._done.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            self._give_up()
            return
        if self._under_way.get(letter.sink, (None,))[0] == letter:
            del self._under_way[letter.sink]
            self._note(letter, error)

    def _give_up(self) -> None:
        for letter, until in list(self._under_way.values()):
            if until <= time.monotonic():
                del self._under_way[letter.sink]
                self._note(letter, f"did not end within {self.patience:g} s")

    def _note(self, letter: Letter, error: str | None) -> None:
        if error is None:
            self.store.outbox.sent(letter)
            self.sent += 1
            return
        self.failed[letter.sink] = error
        is_dead = self.store.outbox.failed(letter, error, self._clock())
        kept = "it is a dead letter now" if is_dead else "it is kept and sent again"
        logger.warning("the sink `%s` did not take an alert: %s; %s", letter.sink, error, kept)
