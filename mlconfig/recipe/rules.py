"""Rules where sections meet, and keys that are valid but would do nothing. Each states one fact of the language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mlconfig.errors import Problem
from mlconfig.recipe.places import Places, split_path
from mlconfig.recipe.rule import RULES, Found, rule_over
from mlconfig.sections import Data, Evaluation, Features, Monitoring, Period, Tuning
from mlconfig.vocabulary import Task

Sections = Mapping[str, Any]


def check_rules(sections: Sections, places: Places) -> list[Problem]:
    """All rules whose sections are sound, over those sections."""
    from mlconfig.recipe import governance_rules, serving_rules, watching_rules  # noqa: F401  # importing them lists their rules
    from mlconfig.recipe.effects import idle_keys

    problems = [
        Problem(places.nearest(split_path(path)).where, path, what, hint)
        for each in RULES
        if all(name in sections for name in each.needs)
        for path, what, hint in each.check(*(sections[name] for name in each.needs))
    ]
    return problems + idle_keys(sections, places)


@rule_over("data")
def time_needs_a_clock(data: Data) -> Found:
    """What goes by time needs data.event_time."""
    if data.event_time is not None:
        return
    if data.split.by == "time":
        yield "data.split.by", "splitting by time needs data.event_time", "say which column holds the time"
    if not data.period.open:
        yield "data.period", "a period needs data.event_time", "say which column holds the time"


@rule_over("data")
def a_period_has_a_length(data: Data) -> Found:
    """The period begins before it ends."""
    yield from _some_length("data.period", data.period)


@rule_over("monitoring")
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


@rule_over("data")
def the_target_has_one_part(data: Data) -> Found:
    """The target is neither key, time nor the column of the split by group."""
    for path, columns in (
        ("data.key", data.key or ()),
        ("data.event_time", data.event_time.columns if data.event_time is not None else ()),
        ("data.split.column", (data.split.column,)),
    ):
        if data.target in columns:
            yield path, f"`{data.target}` is the target and cannot be this too", ""


@rule_over("data", "features")
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


@rule_over("features")
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


@rule_over("data", "tuning")
def a_search_needs_validation_rows(data: Data, tuning: Tuning) -> Found:
    """Trials are compared on rows that are neither trained on nor used by the gates."""
    if tuning.space and data.split.by != "given" and data.split.validation_fraction == 0:
        yield "data.split.validation_fraction", "tuning compares trials on validation rows, and there are none", ""


@rule_over("task", "data", "evaluation")
def groups_are_of_classes(task: Task, data: Data, evaluation: Evaluation) -> Found:
    """Selection and true positive rates are of classes, and a group is something else than the class."""
    groups, path = evaluation.fairness.groups, "evaluation.fairness.groups"
    if groups and task == "regression":
        yield path, "groups are compared by the classes they are given, and a regression gives none", "remove it"
    if data.target in groups:
        yield path, f"`{data.target}` is the target and no group", "remove it"
    for name in dict.fromkeys(name for name in groups if groups.count(name) > 1):
        yield path, f"`{name}` is named twice", "name it once"
