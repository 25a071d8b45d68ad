"""``serving.batch``: scoring by the calendar, and the places that rows come from and go to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from mlconfig.vocabulary import Cron, Frozen, FrozenDict, Plugin

NAME = re.compile(r"[a-z][a-z0-9_]*")
LONGEST_NAME = 48
DATABASE = re.compile(r"^((postgresql|sqlite)(\+\w+)?://|\$\{secret:)")
"""How the address of a database begins; it may be a secret as a whole."""


def _database(value: object) -> object:
    if isinstance(value, str) and (not DATABASE.match(value) or "#" in value):
        raise ValueError("must be postgresql://… or sqlite:///…, without a table")
    return value


Address = Annotated[str, BeforeValidator(_database)]


class Files(Frozen):
    """Files of one kind. ``path`` is relative to the project."""

    path: str = Field(min_length=1, description="A file or a folder; of rows that come in also a glob.")


class Rows(Frozen):
    """A table of a database, or what a query finds there."""

    url: Address = Field(description="postgresql://user@host/database or sqlite:///file.db")
    table: str | None = Field(None, min_length=1, description="table or schema.table")
    query: str | None = Field(None, min_length=1, description="SQL instead of a table.")
    key: str | None = Field(None, min_length=1, description="A unique column, never null, to go on by after a stop.")

    @model_validator(mode="after")
    def _table_or_query(self) -> Rows:
        if (self.table is None) == (self.query is None):
            raise ValueError("give either `table` or `query`")
        return self


class Table(Frozen):
    """A table of a database."""

    url: Address = Field(description="postgresql://user@host/database or sqlite:///file.db")
    table: str = Field(min_length=1, description="table or schema.table")


INPUTS: Mapping[str, type[Frozen]] = MappingProxyType({"parquet": Files, "csv": Files, "sql": Rows})
OUTPUTS: Mapping[str, type[Frozen]] = MappingProxyType({"parquet": Files, "csv": Files, "sql": Table})
"""The params of each form, by its name."""


class Batch(Frozen):
    """Rows that are scored with the live version at the times of a cron expression."""

    input: Plugin = Field(description="Where rows come from: parquet, csv or sql (`docs/batch.md`).")
    output: Plugin = Field(description="Where they go, instead of what the last run left there: parquet, csv or sql.")
    cron: Cron = Field(description='Five fields, quoted, in the time zone of the recipe: "0 2 * * *" is two at night.')


def check_names(batches: FrozenDict[Batch]) -> FrozenDict[Batch]:
    """Names stand in states, alerts and commands."""
    for name in batches:
        if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            raise ValueError(
                f"`{name}` is no name for a batch: a small letter, then at most {LONGEST_NAME - 1} small letters, digits, _"
            )
    return batches
