"""``monitoring``: windows over the prediction log, the signals looked for in them, and when they count."""

from __future__ import annotations

from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, field_serializer, model_validator

from mlconfig.sections.data import Period
from mlconfig.vocabulary import AUTO, Auto, AutoOr, Duration, Frozen, FrozenDict, Names, OrWord, PluginRef, Tuple

DAY = timedelta(days=1)
STANDARD_SIGNALS: dict[str, dict[str, Any]] = {
    "data_quality": {"name": "quality"},
    "input_drift": {"name": "psi"},
    "multivariate_drift": {"name": "correlation"},
    "domain": {"name": "domain_classifier", "every": DAY},
    "prediction_drift": {"name": "psi"},
    "confidence": {"name": "confidence"},
    "performance": {"name": "performance"},
    "estimated_performance": {"name": "cbpe"},
    "fairness": {"name": "fairness"},
    "service": {"name": "service"},
}
"""The signals of `signals: auto`, and what each name stands for where the recipe says no more. The compiler keeps those that
apply to the task."""

OUTPUT_SIGNALS = frozenset({"prediction_drift"})
"""Signals whose `columns: auto` are the model's answers; all others look at what was asked."""

Distance = Literal["ks", "js", "kl", "chi2", "wasserstein"]
DISTANCES: tuple[Distance, ...] = ("ks", "js", "kl", "chi2", "wasserstein")
"""What a signal can report beside the figure that decides."""


class Reference(Frozen):
    """What a window is compared with."""

    use: Literal["training", "production"] = Field(
        "training", description="The profile made at training, or the windows of `period`."
    )
    period: Period | None = Field(None, description="With `use: production`: which windows, since ≤ t < until.")
    min_rows: int = Field(
        20_000, ge=1, description="A smaller reference must hold ten times a window's rows, else drift is unknown."
    )
    season: Literal["auto", "none", "hour", "weekday"] = Field(
        "auto",
        description="Compare with the same hours of the day, or of the week; auto: once 14, or 56, days of reference exist.",
    )

    @model_validator(mode="after")
    def _period_of_production(self) -> Reference:
        if self.use == "production" and (self.period is None or self.period.since is None or self.period.until is None):
            raise ValueError("`use: production` needs a `period` with `since` and `until`")
        if self.use == "training" and self.period is not None:
            raise ValueError("`period` has no effect with `use: training`")
        return self


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


class Columns(Frozen):
    """Which columns a signal looks at: those it names, or the ones that matter most to the model."""

    names: Names | None = Field(None, description="By name.")
    top: int | None = Field(None, ge=1, description="So many, by permutation importance on the held-out rows.")

    @model_validator(mode="after")
    def _one_way(self) -> Columns:
        if (self.names is None) == (self.top is None):
            raise ValueError("give either names or `top`")
        return self


def _names_to_columns(value: Any) -> Any:
    return {"names": value} if isinstance(value, (list, tuple)) else value


class Signal(PluginRef):
    """One detector under a name, with what it looks at and how often it must see it."""

    columns: Annotated[Columns | Auto, OrWord(), BeforeValidator(_names_to_columns)] = Field(
        AUTO, description="auto: every feature (for `prediction_drift`: the answers); [names]; or {top: 10}."
    )
    report: Tuple[Distance] | None = Field(
        None, description="Distances told beside the one that decides; null: all, where the detector compares columns."
    )
    every: Annotated[Duration, Field(gt=timedelta(0))] | None = Field(
        None, description="null: each window of monitoring.every and of scales."
    )
    min_rows: int | None = Field(None, ge=1, description="null: monitoring.min_rows.")
    persistence: Persistence | None = Field(None, description="null: monitoring.persistence.")


def _standard_signals() -> Any:
    return {signal: dict(detector) for signal, detector in STANDARD_SIGNALS.items()}


def _refuse_mistyped(name: str, given: Any) -> None:
    """`none` under a name that is nearly a standard one removes nothing; a signal of another file's own may be removed."""
    close = get_close_matches(name, STANDARD_SIGNALS, n=1, cutoff=0.8)
    if given in ("none", None) and name not in STANDARD_SIGNALS and close:
        raise ValueError(f"there is no signal `{name}` to remove; did you mean `{close[0]}`?")


def _with_standard_signals(value: Any) -> Any:
    """`auto` is all that apply; naming one changes that one; `none` removes it. Another detector takes none of ours over."""
    if value == AUTO:
        return _standard_signals()
    if not isinstance(value, dict):
        return value
    if not value:
        raise ValueError("{} removes nothing; write auto for all that apply, or `none` under each that is not wanted")
    merged = _standard_signals()
    for name, given in value.items():
        _refuse_mistyped(name, given)
        signal = {"name": given} if isinstance(given, str) and given != "none" else given
        standard = merged.get(name, {})
        if not isinstance(signal, dict):
            merged[name] = signal
        elif signal.get("name", standard.get("name")) == standard.get("name"):
            merged[name] = {**standard, **signal}
        else:
            merged[name] = signal
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
    false_alarms_per_month: float = Field(1.0, gt=0.0, le=1000.0, description="For all checks and columns together.")
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
