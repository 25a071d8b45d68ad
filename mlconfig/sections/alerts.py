"""``alerts``: what is said, how loudly, and to whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from mlconfig.vocabulary import AUTO, AutoOr, Duration, Frozen, FrozenDict, Names, PluginRef, Tuple, words_to_map


class Sink(PluginRef):
    """One place that alerts go to."""


class AlertRule(Frozen):
    """When a signal is told, and what a person who is told should know."""

    signal: str = Field(min_length=1, description="One of monitoring.signals.")
    when: Literal["suspect", "alert", "lasting", "unknown"] = Field(
        "alert", description="suspect | alert | lasting: this state or a worse one; unknown: it cannot be judged."
    )
    severity: Literal["info", "warning", "critical"] = Field("warning", description="info | warning | critical.")
    normal: Annotated[Tuple[float], Field(min_length=2, max_length=2)] | None = Field(
        None,
        description="[low, high] of the drift score in ordinary times; inside it nothing is said. null: up to the threshold.",
    )
    action: Literal["notify", "retrain", "rollback"] = Field(
        "notify",
        description="retrain: through the retraining policy, with its cooldown; rollback: to the version before.",
    )
    to: AutoOr[Names] = Field(AUTO, description="Sinks by name; auto: all.")
    advice: str | None = Field(None, description="What a person should do; null: what monitoring advises.")

    @model_validator(mode="after")
    def _low_below_high(self) -> AlertRule:
        if self.normal is not None and self.normal[0] > self.normal[1]:
            raise ValueError("`normal`: [low, high], so low ≤ high")
        return self


def _sinks(value: Any) -> Any:
    """A name that says no plugin stands for the plugin of that name."""
    named = words_to_map(value)
    if not isinstance(named, dict):
        return value
    kept = {key: sink for key, sink in named.items() if sink != "none"}
    return {key: {"name": key, **sink} if isinstance(sink, dict) else {"name": sink} for key, sink in kept.items()}


def _log_only() -> Any:
    return {"log": {}}


def _rules(value: Any) -> Any:
    """`none` removes an entry."""
    return {key: rule for key, rule in value.items() if rule != "none"} if isinstance(value, dict) else value


class Alerts(Frozen):
    """Which states of which signals are sent where."""

    sinks: Annotated[FrozenDict[Sink], BeforeValidator(_sinks)] = Field(
        default_factory=_log_only, description="By your name: {ops: {name: webhook, params: {url: …}}}."
    )
    rules: Annotated[AutoOr[FrozenDict[AlertRule]], BeforeValidator(_rules)] = Field(
        AUTO, description="By your name; auto: each signal at `alert` to every sink."
    )
    repeat: Duration = Field(
        timedelta(hours=24), gt=timedelta(0), description="An alert that lasts is said again; its end is said once."
    )
