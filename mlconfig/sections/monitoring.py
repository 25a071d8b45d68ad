"""``monitoring``: windows over the prediction log, the signals looked for in them, and when they count."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, field_serializer, model_validator

from mlconfig.vocabulary import AUTO, AutoOr, Duration, Frozen, FrozenDict, Names, PluginRef, Tuple

STANDARD_SIGNALS = {"data_quality": "quality", "input_drift": "psi", "performance": "performance"}
"""The signals of `signals: auto`, and the detector each name stands for when none is given."""


class Reference(Frozen):
    """What a window is compared with: the profile made at training."""

    min_rows: int = Field(
        20_000, ge=1, description="A smaller reference must hold ten times a window's rows, else drift is unknown."
    )


Votes = Annotated[Tuple[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)]


class Persistence(Frozen):
    """Votes, m of the last n windows; a spike is never called lasting."""

    suspect: Votes = Field((2, 3), description="[m, n] windows until it is suspected.")
    alert: Votes = Field((3, 4), description="[m, n] windows until it is an alert.")
    lasting: Votes = Field((12, 24), description="[m, n] windows until it is lasting.")

    @model_validator(mode="after")
    def _m_of_n(self) -> Persistence:
        for word in ("suspect", "alert", "lasting"):
            m, n = getattr(self, word)
            if m > n:
                raise ValueError(f"`{word}`: [m, n] means m of the last n windows, so m ≤ n")
        return self


class Labels(Frozen):
    """How labels find their predictions, and when a window has enough of them to be scored."""

    join: Literal["prediction_id", "data.key"] = Field("prediction_id", description="What feedback carries.")
    maturity: AutoOr[Duration] = Field(
        AUTO, description="Age at which a window is scored; auto: 95th percentile of the delays seen."
    )
    max_delay: Duration = Field(timedelta(days=30), description="Later labels are not counted on.")


class Signal(PluginRef):
    """One detector under a name, with what it looks at and how often it must see it."""

    columns: AutoOr[Names] = Field(AUTO, description="auto: every feature; or names.")
    min_rows: int | None = Field(None, ge=1, description="null: monitoring.min_rows.")
    persistence: Persistence | None = Field(None, description="null: monitoring.persistence.")


def _standard_signals() -> Any:
    return {signal: {"name": detector} for signal, detector in STANDARD_SIGNALS.items()}


def _with_standard_signals(value: Any) -> Any:
    """`auto` is all that apply; naming one changes that one; `none` removes it."""
    if value == AUTO:
        return _standard_signals()
    if not isinstance(value, dict):
        return value
    named = {
        name: {"name": signal} if isinstance(signal, str) and signal != "none" else signal
        for name, signal in value.items()
    }
    merged = _standard_signals()
    for name, signal in named.items():
        merged[name] = {**merged.get(name, {}), **signal} if isinstance(signal, dict) else signal
    return {name: signal for name, signal in merged.items() if signal not in ("none", None)}


class Monitoring(Frozen):
    """Windows over the prediction log and what is looked for in them; `none` switches it off."""

    time: Literal["arrival", "event"] = Field(
        "arrival", description="Windows by arrival, or by the request's own event_time."
    )
    every: Duration = Field(timedelta(hours=1), gt=timedelta(0), description="The length of a window.")
    scales: Tuple[Annotated[Duration, Field(gt=timedelta(0))]] = Field(
        (timedelta(hours=1), timedelta(hours=24), timedelta(days=7)),
        description="Longer windows are merged from `every`; those not longer add nothing.",
    )
    min_rows: int = Field(500, ge=1, description="Fewer: unknown, never ok.")
    false_alarms_per_month: float = Field(1.0, gt=0.0, description="For all checks and columns together.")
    reference: Reference = Field(Reference(), description="What a window is compared with.")
    persistence: Persistence = Field(Persistence(), description="Votes: m of n windows.")
    labels: Labels = Field(Labels(), description="How labels are joined.")
    signals: Annotated[FrozenDict[Signal], BeforeValidator(_with_standard_signals)] = Field(
        default_factory=_standard_signals, description="By name; each is a detector."
    )

    @field_serializer("signals", mode="wrap")
    def _name_the_removed(self, signals: FrozenDict[Signal], write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A standard signal that was removed is written as `none`, or reading back would bring it in again."""
        removed = {name: "none" for name in STANDARD_SIGNALS if name not in signals}
        return {**removed, **write(signals)}
