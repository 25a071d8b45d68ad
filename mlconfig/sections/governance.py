"""``governance``: personal data, whose rows can be erased, how long things are kept, and what a version is for."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from mlconfig.vocabulary import Duration, Frozen, FrozenDict

Pii = Literal["drop", "hmac"]
"""What becomes of a personal column: nothing of it is kept, or a keyed digest in its place."""

Kept = Annotated[Duration, Field(ge=timedelta(days=1))]


def _without_removed(value: Any) -> Any:
    return {name: how for name, how in value.items() if how != "none"} if isinstance(value, dict) else value


class Retention(Frozen):
    """How long rows and pages are kept, by the UTC day; null: for ever. Counts of windows stay: they hold no rows."""

    predictions: Kept | None = Field(
        timedelta(days=90), description="Logged predictions, and what shadows said, by the day of their arrival."
    )
    labels: Kept | None = Field(timedelta(days=365), description="Labels, by the day of their arrival.")
    reports: Kept | None = Field(timedelta(days=365), description="Pages in the storage's reports folder.")


class Card(Frozen):
    """What people should know of every version; shown with it, and told to MLflow."""

    intended_use: str | None = Field(None, min_length=1, description="What the model is for.")
    limitations: str | None = Field(None, min_length=1, description="What it must not be used for, or cannot do.")


class Governance(Frozen):
    """Personal data, erasure, retention, and what a version is for."""

    pii: Annotated[FrozenDict[Pii], BeforeValidator(_without_removed)] = Field(
        FrozenDict(),
        description="Personal columns, by name: drop, or hmac (a keyed digest); done where the value enters. A feature only "
        "where features.include or features.columns names it.",
    )
    subject: str | None = Field(
        None, min_length=1, description="The column that `mlconfig erase --subject` looks for; null: data.key."
    )
    retention: Retention = Field(Retention(), description="How long things are kept.")
    card: Card = Field(Card(), description="What a version is for.")
