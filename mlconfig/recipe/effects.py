"""Keys that are valid but change nothing in what is compiled: an error, because their writer believes they do.

Only what the recipe itself or an override writes counts (a group's file is shared by recipes that differ), and only where
it differs from the default: a recipe written out with its defaults must read back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlconfig.errors import Problem
from mlconfig.recipe.places import Keys, Places, dotted

Condition = Callable[[Mapping[str, Any]], bool]

_IDLE: tuple[tuple[str, tuple[str, ...], Condition, str], ...] = (
    (
        "tuning.searcher tuning.trials tuning.time_limit tuning.parallel",
        ("tuning",),
        lambda at: not at["tuning"].space,
        "tuning.space is empty, so nothing is searched",
    ),
    ("data.split.gap", ("data",), lambda at: at["data"].split.by != "time", "only a split by time has a gap"),
    (
        "data.split.column",
        ("data",),
        lambda at: at["data"].split.by not in ("group", "given"),
        "only a split by group or given reads a column",
    ),
    (
        "data.split.test_fraction data.split.validation_fraction",
        ("data",),
        lambda at: at["data"].split.by == "given",
        "a given split takes its parts from the column",
    ),
    (
        "serving.num_replicas",
        ("serving",),
        lambda at: at["serving"] is not None and at["serving"].autoscaling_config is not None,
        "serving.autoscaling_config replaces it",
    ),
    (
        "serving.*",
        ("serving", "engine"),
        lambda at: at["serving"] is not None and at["engine"].executor == "local",
        "engine.executor is `local`, which serves nothing (write `serving: none`)",
    ),
    (
        "monitoring.*",
        ("serving", "monitoring"),
        lambda at: at["serving"] is None and at["monitoring"] is not None,
        "serving is `none`, so there is nothing to watch (write `monitoring: none`)",
    ),
    (
        "alerts.*",
        ("serving", "monitoring"),
        lambda at: at["serving"] is None or at["monitoring"] is None,
        "nothing is watched, so nothing can be told",
    ),
    (
        "alerts.repeat",
        ("alerts", "monitoring"),
        lambda at: not at["alerts"].sinks,
        "alerts.sinks is empty, so nobody is told",
    ),
    (
        "evaluation.fairness.min_ratio evaluation.fairness.max_gap evaluation.fairness.min_rows",
        ("evaluation",),
        lambda at: not at["evaluation"].fairness.groups,
        "evaluation.fairness.groups is empty, so nothing is compared",
    ),
    (
        "engine.cpus engine.memory_limit",
        ("engine",),
        lambda at: at["engine"].address is not None or at["engine"].executor == "local",
        "only a head that we start ourselves obeys it",
    ),
    ("engine.address", ("engine",), lambda at: at["engine"].executor == "local", "engine.executor is `local`"),
)
"""The keys, the sections that decide, when they are idle, and why."""


def idle_keys(sections: Mapping[str, Any], places: Places) -> list[Problem]:
    """Each written key that has no effect."""
    return [
        Problem(places.at[path].where, dotted(path), f"has no effect: {why}", "remove it")
        for keys, needs, idle, why in _IDLE
        if all(name in sections for name in needs) and idle(sections)
        for key in keys.split()
        if key.split(".")[0] in sections
        for path in _written(key, sections, places)
    ]


def _written(key: str, sections: Mapping[str, Any], places: Places) -> list[Keys]:
    """The paths that a key or `section.*` stands for, where the recipe itself or an override says more than the default."""
    first, *rest = key.split(".")
    wanted = [path for path in places.at if len(path) == 2 and path[0] == first] if rest == ["*"] else [(first, *rest)]
    own = [path for path in wanted if path in places.at and not places.at[path].shared]
    return [path for path in own if not _holds_anyway(sections, path)]


def _holds_anyway(sections: Mapping[str, Any], path: Keys) -> bool:
    """Whether the value is its default, as all are in a recipe that was written with its defaults filled in."""
    parent: Any = sections[str(path[0])]
    for key in path[1:-1]:
        parent = getattr(parent, str(key))
    last = str(path[-1])
    return parent is None or bool(getattr(parent, last) == getattr(type(parent)(), last))
