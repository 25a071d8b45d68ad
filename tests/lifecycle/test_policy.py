"""Triggers say that a retrain is due; the cooldown says whether it may happen."""

from __future__ import annotations

from mlconfig.contracts.trigger import Trigger, TriggerView
from mlconfig.lifecycle import decide
from mlconfig.sections.retraining import Retraining

DAY = 86400.0
POLICY = Retraining.model_validate({"when": ["drifted", "old"], "cooldown": "7d"})


class Drifted(Trigger):
    def fires(self, view: TriggerView) -> str | None:
        lasting = [verdict.signal for verdict in view.verdicts if verdict.state == "lasting"]
        return f"{lasting[0]} lasts" if lasting else None


class Old(Trigger):
    def fires(self, view: TriggerView) -> str | None:
        return "live for 30 days" if view.now - view.live_since >= 30 * DAY else None


TRIGGERS = {"drifted": Drifted(), "old": Old()}


def _view(day: float, last: float | None = None) -> TriggerView:
    return TriggerView(now=day * DAY, live_since=0.0, last_retrain=None if last is None else last * DAY, verdicts=())


def test_nothing_fires() -> None:
    assert not decide(POLICY, TRIGGERS, _view(29)).retrain
    assert decide(POLICY, TRIGGERS, _view(29)).reason == "no trigger fired"


def test_the_first_retrain_waits_for_no_cooldown() -> None:
    decision = decide(POLICY, TRIGGERS, _view(30))
    assert decision.retrain
    assert (decision.reason, decision.fired) == ("old: live for 30 days", {"old": "live for 30 days"})


def test_the_cooldown_holds_until_its_last_moment_and_no_longer() -> None:
    held = decide(POLICY, TRIGGERS, _view(36.9, last=30))
    assert not held.retrain
    assert held.cooldown_until == 37 * DAY
    assert held.reason == "old: live for 30 days; but the cooldown of 7d lasts until 1970-02-07 00:00 UTC"
    assert decide(POLICY, TRIGGERS, _view(37, last=30)).retrain


def test_only_declared_triggers_are_asked() -> None:
    only = Retraining.model_validate({"when": ["drifted"]})
    assert not decide(only, TRIGGERS, _view(40)).retrain
