"""What a request must look like and what an answer means; kept with the version as ``signature.json``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from mlconfig.vocabulary import Frozen, Kind, Task, Tuple


class SignatureColumn(Frozen):
    """One field of a request.

    Role ``feature`` is predicted from; ``context`` (event time, entity key, groups) is carried and logged, never predicted
    from. ``pii`` says of a personal column what the log holds: nothing, or a keyed digest, which is text.
    """

    name: str
    kind: Kind
    role: Literal["feature", "context"] = "feature"
    required: bool = True
    nullable: bool = False
    integer: bool = False
    pii: Literal["drop", "hmac"] | None = None


class Signature(Frozen):
    """The request's columns and the answer's meaning.

    ``classes`` are the labels in the order of the probabilities (empty for regression), in their own JSON type: numbers,
    booleans or text. For a binary task ``classes[1]`` is the positive one. ``groups`` are the columns of
    ``evaluation.fairness.groups``, features or context.
    """

    schema_version: Literal[1] = 1
    name: str
    task: Task
    target: str
    classes: Tuple[Any] = ()
    columns: Tuple[SignatureColumn]
    event_time: str | None = Field(None, description="The request's field with the event time, if there is one.")
    key: Tuple[str] = ()
    groups: Tuple[str] = ()
    unused: Tuple[str] = Field((), description="Columns of the data that a request may carry, and nobody looks at.")
    time_zone: str = "UTC"
    example: dict[str, Any] = Field(default_factory=dict, description="One valid row.")

    @property
    def features(self) -> tuple[SignatureColumn, ...]:
        """The columns that are predicted from, in the order of the packaged inputs."""
        return tuple(column for column in self.columns if column.role == "feature")

    @property
    def hashes(self) -> bool:
        """Whether the log holds digests in place of some values."""
        return any(column.pii == "hmac" for column in self.columns)
