"""What carrying out a plan tells: an event when a step begins and ends, and the report when all is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from mlconfig.records.verdict import GateVerdict


@dataclass(frozen=True)
class StepEvent:
    """A step began, ended, or was kept. ``seconds`` is its duration; ``note`` one line for a person."""

    step: str
    state: Literal["started", "done", "kept", "failed", "refused"]
    seconds: float = 0.0
    note: str = ""


Progress = Callable[[StepEvent], None]


def silent(_: StepEvent) -> None:
    """A progress that nobody watches."""


@dataclass(frozen=True)
class ApplyReport:
    """What was carried out.

    ``version`` answers at the endpoint (a retrain may have made it), or else is the one that was registered. ``url`` is the
    endpoint's when one answers; ``example`` is a valid request body.
    """

    name: str
    events: tuple[StepEvent, ...]
    version: str | None = None
    gate: GateVerdict | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    url: str | None = None
    endpoint: str | None = None
    example: dict[str, Any] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether a gate refused the candidate."""
        return self.gate is not None and not self.gate.passed

    @property
    def ran(self) -> tuple[str, ...]:
        """The steps that were carried out, not kept."""
        return tuple(event.step for event in self.events if event.state in ("done", "refused"))
