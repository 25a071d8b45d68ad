"""Rules where sections meet, and keys that are valid but would do nothing. Each states one fact of the language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from mlconfig.errors import Problem
from mlconfig.recipe.places import Places, split_path
from mlconfig.sections import (
    Alerts,
    Data,
    Engine,
    Evaluation,
    Features,
    Monitoring,
    Period,
    Retraining,
    Serving,
    Tuning,
)
from mlconfig.sections.alerts import AlertRule
from mlconfig.vocabulary import AUTO, Task, format_duration

Sections = Mapping[str, Any]
Found = Iterator[tuple[str, str, str]]
"""Path, what is wrong, what to do."""


@dataclass(frozen=True)
class Rule:
    """One rule and the sections it needs; it is skipped while one of them is broken."""

    needs: tuple[str, ...]
    check: Callable[..., Found]


_RULES: list[Rule] = []
_SEASONS = {"hour": timedelta(days=1), "weekday": timedelta(days=7)}
_PARTS = {"hour": "hour of the day", "weekday": "hour of the week"}


def _rule(*needs: str) -> Callable[[Callable[..., Found]], Callable[..., Found]]:
    def keep(check: Callable[..., Found]) -> Callable[..., Found]:
        _RULES.append(Rule(needs, check))
        return check

    return keep


def check_rules(sections: Sections, places: Places) -> list[Problem]:
    """All rules whose sections are sound, over those sections."""
    from mlconfig.recipe.effects import idle_keys

    problems = [
        Problem(places.nearest(split_path(path)).where, path, what, hint)
        for rule in _RULES
        if all(name in sections for name in rule.needs)
        for path, what, hint in rule.check(*(sections[name] for name in rule.needs))
    ]
    return problems + idle_keys(sections, places)


@_rule("data")
def time_needs_a_clock(data: Data) -> Found:
    """What goes by time needs data.event_time."""
    if data.event_time is not None:
        return
    if data.split.by == "time":
        yield "data.split.by", "splitting by time needs data.event_time", "say which column holds the time"
    if not data.period.open:
        yield "data.period", "a period needs data.event_time", "say which column holds the time"


@_rule("data")
def a_period_has_a_length(data: Data) -> Found:
    """The period begins before it ends."""
    yield from _some_length("data.period", data.period)


@_rule("monitoring")
def a_production_reference_has_a_length(monitoring: Monitoring | None) -> Found:
    """The period of the reference begins before it ends."""
    if monitoring is not None and monitoring.reference.period is not None:
        yield from _some_length("monitoring.reference.period", monitoring.reference.period)


def _some_length(path: str, period: Period) -> Found:
    if period.since is None or period.until is None:
        return
    try:
        since, until = (datetime.fromisoformat(moment) for moment in (period.since, period.until))
        backwards = (
            since.replace(tzinfo=None) >= until.replace(tzinfo=None) if since.tzinfo != until.tzinfo else since >= until
        )
    except ValueError as error:
        yield path, f"no such date or time: {error}", ""
        return
    if backwards:
        yield path, f"holds nothing: {period.since} is not before {period.until}", ""


@_rule("data")
def the_target_has_one_part(data: Data) -> Found:
    """The target is neither key, time nor the column of the split by group."""
    for path, columns in (
        ("data.key", data.key or ()),
        ("data.event_time", data.event_time.columns if data.event_time is not None else ()),
        ("data.split.column", (data.split.column,)),
    ):
        if data.target in columns:
            yield path, f"`{data.target}` is the target and cannot be this too", ""


@_rule("data", "features")
def the_target_is_no_feature(data: Data, features: Features) -> Found:
    """What is predicted is never predicted from."""
    target = data.target
    for path, columns in (("features.include", features.include), ("features.columns", features.columns)):
        if columns != "auto" and target in columns:
            yield path, f"`{target}` is the target and never a feature", "remove it"
    if target in features.exclude:
        yield "features.exclude", f"`{target}` is the target and never a feature anyway", "remove it"
    if data.split.by == "given" and features.include != "auto" and data.split.column in features.include:
        yield (
            "features.include",
            f"`{data.split.column}` says which part a row is in and cannot be a feature",
            "remove it",
        )


@_rule("features")
def a_column_is_in_or_out(features: Features) -> Found:
    """No column is both included and excluded, and what is said about a column is about one the model sees."""
    included = None if features.include == "auto" else set(features.include)
    for name in sorted(set(features.exclude) & (included or set())):
        yield "features.exclude", f"`{name}` is included and excluded", "choose one"
    for name in features.columns:
        if name in features.exclude:
            yield f"features.columns.{name}", f"`{name}` is excluded, so this has no effect", "remove one of them"
        elif included is not None and name not in included:
            yield (
                f"features.columns.{name}",
                f"`{name}` is not in features.include, so this has no effect",
                "add it there",
            )


@_rule("data", "tuning")
def a_search_needs_validation_rows(data: Data, tuning: Tuning) -> Found:
    """Trials are compared on rows that are neither trained on nor used by the gates."""
    if tuning.space and data.split.by != "given" and data.split.validation_fraction == 0:
        yield "data.split.validation_fraction", "tuning compares trials on validation rows, and there are none", ""


@_rule("data", "monitoring")
def monitoring_joins_what_there_is(data: Data, monitoring: Monitoring | None) -> Found:
    """Windows by event time need the time, labels by key need the key."""
    if monitoring is None:
        return
    if monitoring.time == "event" and data.event_time is None:
        yield "monitoring.time", "windows by event time need data.event_time", "say which column holds the time"
    if monitoring.labels.join == "data.key" and data.key is None:
        yield "monitoring.labels.join", "labels joined by key need data.key", "say which column names the entity"


@_rule("data", "monitoring")
def a_season_needs_a_clock(data: Data, monitoring: Monitoring | None) -> Found:
    """A reference out of training rows has hours and weekdays only where the rows have a time."""
    if monitoring is None or data.event_time is not None or monitoring.reference.use == "production":
        return
    season = monitoring.reference.season
    if season in ("hour", "weekday"):
        what = f"the {season} of a reference row is not known without data.event_time"
        yield "monitoring.reference.season", what, "say which column holds the time, or leave `auto`"


@_rule("monitoring")
def a_season_is_longer_than_a_window(monitoring: Monitoring | None) -> Found:
    """A window that holds every hour of the day, or of the week, is compared with the whole reference anyway."""
    if monitoring is None or monitoring.reference.season not in _SEASONS:
        return
    season, length = monitoring.reference.season, monitoring.every
    if length >= _SEASONS[season]:
        what = f"has no effect: a window of {format_duration(length)} holds each {_PARTS[season]}"
        yield "monitoring.reference.season", what, "shorten monitoring.every, or leave `auto`"


@_rule("task", "data", "evaluation")
def groups_are_of_classes(task: Task, data: Data, evaluation: Evaluation) -> Found:
    """Selection and true positive rates are of classes, and a group is something else than the class."""
    groups, path = evaluation.fairness.groups, "evaluation.fairness.groups"
    if groups and task == "regression":
        yield path, "groups are compared by the classes they are given, and a regression gives none", "remove it"
    if data.target in groups:
        yield path, f"`{data.target}` is the target and no group", "remove it"
    for name in dict.fromkeys(name for name in groups if groups.count(name) > 1):
        yield path, f"`{name}` is named twice", "name it once"


@_rule("retraining", "serving", "engine")
def a_policy_needs_an_endpoint(retraining: Retraining | None, serving: Serving | None, engine: Engine) -> Found:
    """The policy is asked by the controller, which looks after an endpoint."""
    if retraining is not None and (serving is None or engine.executor == "local"):
        off = "serving is `none`" if serving is None else "engine.executor is `local`"
        yield "retraining", f"has no effect: {off}, so nobody looks for its triggers", "write `retraining: none`"


@_rule("retraining", "monitoring")
def triggers_need_verdicts(retraining: Retraining | None, monitoring: Monitoring | None) -> Found:
    """Triggers that read monitoring's verdicts need monitoring."""
    for trigger in ("lasting_drift", "performance"):
        if retraining is not None and trigger in retraining.when and monitoring is None:
            yield (
                f"retraining.when.{trigger}",
                "reads monitoring's verdicts, and monitoring is `none`",
                "switch monitoring on, or use `schedule`",
            )


@_rule("retraining", "serving")
def a_retrain_reads_what_was_logged(retraining: Retraining | None, serving: Serving | None) -> Found:
    """Without a log there is nothing that a retrain could learn from."""
    if retraining is None or retraining.data.from_ == "source" or serving is None:
        return
    if serving.log.sample_fraction == 0:
        yield "retraining.data.from", "learns from the prediction log, and serving.log.sample_fraction is 0", ""


@_rule("alerts", "monitoring")
def an_alert_rule_names_what_there_is(alerts: Alerts, monitoring: Monitoring | None) -> Found:
    """A rule is about a signal that is watched, and goes to sinks that are declared; one that tells nobody does something."""
    for name, rule in _alert_rules(alerts):
        path = f"alerts.rules.{name}"
        if monitoring is not None and rule.signal not in monitoring.signals:
            what = f"there is no signal `{rule.signal}` in monitoring.signals"
            yield f"{path}.signal", what, _nearest(rule.signal, monitoring.signals)
        for sink in () if rule.to == AUTO else rule.to:
            if sink not in alerts.sinks:
                yield f"{path}.to", f"there is no sink `{sink}` in alerts.sinks", _nearest(sink, alerts.sinks)
        if rule.action == "notify" and not (alerts.sinks if rule.to == AUTO else rule.to):
            yield path, "has no effect: it tells nobody, and does nothing else", "name sinks under `to`"


@_rule("alerts", "retraining")
def an_alert_retrains_by_the_policy(alerts: Alerts, retraining: Retraining | None) -> Found:
    """What an alert starts obeys the policy's cooldown, so there must be one."""
    for name, rule in _alert_rules(alerts):
        if rule.action == "retrain" and retraining is None:
            what = "a retrain goes through the retraining policy, and retraining is `none`"
            yield f"alerts.rules.{name}.action", what, "declare `retraining`, or use `action: notify`"


@_rule("alerts", "serving")
def an_alert_rolls_an_endpoint_back(alerts: Alerts, serving: Serving | None) -> Found:
    """What is rolled back is an endpoint's route."""
    for name, rule in _alert_rules(alerts):
        if rule.action == "rollback" and serving is None:
            what = "a rollback is an endpoint's, and serving is `none`"
            yield f"alerts.rules.{name}.action", what, "serve the model, or use `action: notify`"


def _alert_rules(alerts: Alerts) -> Iterator[tuple[str, AlertRule]]:
    if alerts.rules != AUTO:
        yield from alerts.rules.items()


def _nearest(word: str, known: Iterable[str]) -> str:
    """Advice on a name that is not known."""
    names = list(known)
    close = get_close_matches(word, names, n=1)
    return f"did you mean `{close[0]}`?" if close else f"there are: {', '.join(names) or 'none'}"
