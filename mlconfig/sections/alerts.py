"""``alerts``: where a verdict is sent."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from mlconfig.vocabulary import Frozen, FrozenDict, PluginRef, words_to_map


class Sink(PluginRef):
    """One place that alerts go to."""


def _sinks(value: Any) -> Any:
    """A name that says no plugin stands for the plugin of that name."""
    named = words_to_map(value)
    if not isinstance(named, dict):
        return value
    kept = {key: sink for key, sink in named.items() if sink != "none"}
    return {key: {"name": key, **sink} if isinstance(sink, dict) else {"name": sink} for key, sink in kept.items()}


def _log_only() -> Any:
    return {"log": {}}


class Alerts(Frozen):
    """Each signal at `alert` is sent to every sink."""

    sinks: Annotated[FrozenDict[Sink], BeforeValidator(_sinks)] = Field(
        default_factory=_log_only, description="By your name: {ops: {name: webhook, params: {url: …}}}."
    )
