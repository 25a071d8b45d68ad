"""The retraining policy: triggers say that a retrain is due, the policy says whether it may happen now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from mlconfig.contracts.trigger import Trigger, TriggerView
from mlconfig.sections.retraining import Retraining
from mlconfig.vocabulary import Frozen, FrozenDict, format_duration


class Decision(Frozen):
    """Whether to retrain, and why or why not.

    ``fired``: each trigger that fired, with its reason. ``cooldown_until``: until when a retrain waits, null when none does.
    A retrain that is decided here makes a new rollout, which passes every gate like any other; nothing goes straight to live.
    """

    retrain: bool
    reason: str
    fired: FrozenDict[str] = FrozenDict()
    cooldown_until: float | None = None


def decide(
    retraining: Retraining, triggers: Mapping[str, Trigger], view: TriggerView, alert: str | None = None
) -> Decision:
    """Ask every trigger, then the cooldown, which counts from the last retrain and not from the first training.

    Args:
        retraining: the section.
        triggers: an instance for each name in ``retraining.when``.
        view: what they see; ``view.now`` is now.
        alert: why an open alert asks for a retrain, where one does: it waits for the cooldown like any trigger.
    """
    fired = {name: why for name in retraining.when if (why := triggers[name].fires(view)) is not None}
    if alert is not None:
        fired["alert"] = alert
    if not fired:
        return Decision(retrain=False, reason="no trigger fired")
    said = "; ".join(f"{name}: {why}" for name, why in fired.items())
    until = None if view.last_retrain is None else view.last_retrain + retraining.cooldown.total_seconds()
    if until is not None and view.now < until:
        wait = f"cooldown of {format_duration(retraining.cooldown)} lasts until {_moment(until)}"
        return Decision(retrain=False, reason=f"{said}; but the {wait}", fired=FrozenDict(fired), cooldown_until=until)
    return Decision(retrain=True, reason=said, fired=FrozenDict(fired))


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
