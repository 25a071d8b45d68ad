"""Rules of monitoring, alerts and retraining: what is watched, who is told, and what starts a retrain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from mlconfig.recipe.rule import Found, nearest, rule_over
from mlconfig.sections import Alerts, Data, Engine, Monitoring, Retraining, Serving
from mlconfig.sections.alerts import AlertRule
from mlconfig.sections.monitoring import Persistence
from mlconfig.vocabulary import AUTO, format_duration

_SEASONS = {"hour": timedelta(days=1), "weekday": timedelta(days=7)}
_PARTS = {"hour": "hour of the day", "weekday": "hour of the week"}


@rule_over("data", "monitoring")
def monitoring_joins_what_there_is(data: Data, monitoring: Monitoring | None) -> Found:
    """Windows by event time need the time, labels by key need the key."""
    if monitoring is None:
        return
    if monitoring.time == "event" and data.event_time is None:
        yield "monitoring.time", "windows by event time need data.event_time", "say which column holds the time"
    if monitoring.labels.join == "data.key" and data.key is None:
        yield "monitoring.labels.join", "labels joined by key need data.key", "say which column names the entity"


@rule_over("data", "monitoring")
def a_season_needs_a_clock(data: Data, monitoring: Monitoring | None) -> Found:
    """A reference out of training rows has hours and weekdays only where the rows have a time."""
    if monitoring is None or data.event_time is not None or monitoring.reference.use == "production":
        return
    season = monitoring.reference.season
    if season in ("hour", "weekday"):
        what = f"the {season} of a reference row is not known without data.event_time"
        yield "monitoring.reference.season", what, "say which column holds the time, or leave `auto`"


@rule_over("monitoring")
def a_season_is_longer_than_a_window(monitoring: Monitoring | None) -> Found:
    """A window that holds every hour of the day, or of the week, is compared with the whole reference anyway."""
    if monitoring is None or monitoring.reference.season not in _SEASONS:
        return
    season, length = monitoring.reference.season, monitoring.every
    if length >= _SEASONS[season]:
        what = f"has no effect: a window of {format_duration(length)} holds each {_PARTS[season]}"
        yield "monitoring.reference.season", what, "shorten monitoring.every, or leave `auto`"


@rule_over("monitoring")
def a_worse_state_is_no_easier_to_reach(monitoring: Monitoring | None) -> Found:
    """The worst state that is reached is told, so of a milder one that asks for more nobody would ever hear."""
    if monitoring is None:
        return
    yield from _in_order("monitoring.persistence", monitoring.persistence)
    for name, signal in monitoring.signals.items():
        if signal.persistence is not None:
            yield from _in_order(f"monitoring.signals.{name}.persistence", signal.persistence)


def _in_order(path: str, persistence: Persistence) -> Found:
    for milder, worse in (("suspect", "alert"), ("alert", "lasting")):
        (m, n), (worse_m, worse_n) = getattr(persistence, milder), getattr(persistence, worse)
        if worse_m < m or (worse_m == m and worse_n > n):
            what = f"[{worse_m}, {worse_n}] is easier to reach than {milder}, [{m}, {n}], which is the milder state"
            yield f"{path}.{worse}", what, "ask for at least as many votes, m of [m, n]"


@rule_over("retraining", "serving", "engine")
def a_policy_needs_an_endpoint(retraining: Retraining | None, serving: Serving | None, engine: Engine) -> Found:
    """The policy is asked by the controller, which looks after an endpoint."""
    if retraining is not None and (serving is None or engine.executor == "local"):
        off = "serving is `none`" if serving is None else "engine.executor is `local`"
        yield "retraining", f"has no effect: {off}, so nobody looks for its triggers", "write `retraining: none`"


@rule_over("retraining", "monitoring")
def triggers_need_verdicts(retraining: Retraining | None, monitoring: Monitoring | None) -> Found:
    """Triggers that read monitoring's verdicts need monitoring."""
    for trigger in ("lasting_drift", "performance"):
        if retraining is not None and trigger in retraining.when and monitoring is None:
            yield (
                f"retraining.when.{trigger}",
                "reads monitoring's verdicts, and monitoring is `none`",
                "switch monitoring on, or use `schedule`",
            )


@rule_over("retraining", "serving")
def a_retrain_reads_what_was_logged(retraining: Retraining | None, serving: Serving | None) -> Found:
    """Without a log there is nothing that a retrain could learn from."""
    if retraining is None or retraining.data.from_ == "source" or serving is None:
        return
    if serving.log.sample_fraction == 0:
        yield "retraining.data.from", "learns from the prediction log, and serving.log.sample_fraction is 0", ""


@rule_over("alerts", "monitoring")
def an_alert_rule_names_what_there_is(alerts: Alerts, monitoring: Monitoring | None) -> Found:
    """A rule is about a signal that is watched, and goes to sinks that are declared; one that tells nobody does something."""
    for name, rule in _alert_rules(alerts):
        path = f"alerts.rules.{name}"
        if monitoring is not None and rule.signal not in monitoring.signals:
            what = f"there is no signal `{rule.signal}` in monitoring.signals"
            yield f"{path}.signal", what, nearest(rule.signal, monitoring.signals)
        for sink in () if rule.to == AUTO else rule.to:
            if sink not in alerts.sinks:
                yield f"{path}.to", f"there is no sink `{sink}` in alerts.sinks", nearest(sink, alerts.sinks)
        if rule.action == "notify" and not (alerts.sinks if rule.to == AUTO else rule.to):
            yield path, "has no effect: it tells nobody, and does nothing else", "name sinks under `to`"


@rule_over("alerts")
def what_is_normal_is_judged(alerts: Alerts) -> Found:
    """A window that could not be judged has no score that could be normal."""
    for name, rule in _alert_rules(alerts):
        if rule.when == "unknown" and rule.normal is not None:
            what = "has no effect: with `when: unknown` nothing was judged, so there is no score"
            yield f"alerts.rules.{name}.normal", what, "remove it, or say another `when`"


@rule_over("alerts", "retraining")
def an_alert_retrains_by_the_policy(alerts: Alerts, retraining: Retraining | None) -> Found:
    """What an alert starts obeys the policy's cooldown, so there must be one."""
    for name, rule in _alert_rules(alerts):
        if rule.action == "retrain" and retraining is None:
            what = "a retrain goes through the retraining policy, and retraining is `none`"
            yield f"alerts.rules.{name}.action", what, "declare `retraining`, or use `action: notify`"


@rule_over("alerts", "serving")
def an_alert_rolls_an_endpoint_back(alerts: Alerts, serving: Serving | None) -> Found:
    """What is rolled back is an endpoint's route."""
    for name, rule in _alert_rules(alerts):
        if rule.action == "rollback" and serving is None:
            what = "a rollback is an endpoint's, and serving is `none`"
            yield f"alerts.rules.{name}.action", what, "serve the model, or use `action: notify`"


def _alert_rules(alerts: Alerts) -> Iterator[tuple[str, AlertRule]]:
    if alerts.rules != AUTO:
        yield from alerts.rules.items()
