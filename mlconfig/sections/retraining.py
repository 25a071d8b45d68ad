"""``retraining``: what starts it, what it learns from, and how often it may happen."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from mlconfig.vocabulary import Duration, Fraction, Frozen, FrozenDict, words_to_map


def _word_to_use(value: Any) -> Any:
    return {"use": value} if isinstance(value, str) else value


class RetrainData(Frozen):
    """What a retrain learns from."""

    from_: Literal["source", "log", "both"] = Field(
        "both", alias="from", description="The source read again, the log joined with its labels, or both."
    )
    use: Literal["expanding", "window", "mix", "since_drift"] = Field("expanding", description="Which of those rows.")
    length: Duration | None = Field(None, description="`use: window`: how far back.")
    recent: Duration | None = Field(None, description="`use: mix`: what counts as recent.")
    recent_fraction: Fraction | None = Field(None, description="`use: mix`: the share of recent rows.")

    @model_validator(mode="after")
    def _belongs(self) -> RetrainData:
        wanted = {"window": ("length",), "mix": ("recent", "recent_fraction")}.get(self.use, ())
        for key in ("length", "recent", "recent_fraction"):
            if (getattr(self, key) is not None) != (key in wanted):
                raise ValueError(f"`use: {self.use}` {'needs' if key in wanted else 'does not take'} `{key}`")
        return self


class Retraining(Frozen):
    """Triggers, any of which starts a retrain, and its bounds; `none`, or left out: only by hand."""

    when: Annotated[FrozenDict[FrozenDict[Any]], BeforeValidator(words_to_map)] = Field(
        min_length=1, description="Triggers by plugin name, with their params."
    )
    data: RetrainData = Field(RetrainData(), description="What a retrain learns from.")
    cooldown: Duration = Field(timedelta(days=7), description="At least so long between two retrains.")
