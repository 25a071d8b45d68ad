"""What monitoring found in a window, and what a gate found in a candidate."""

from __future__ import annotations

from typing import Literal

from mlconfig.vocabulary import Frozen, FrozenDict, Tuple, Window

State = Literal["ok", "suspect", "alert", "lasting", "unknown"]
"""Worse to the right; ``unknown`` is too little data, never ok."""


class Finding(Frozen):
    """One check of one column (or of the whole, when ``column`` is null)."""

    column: str | None
    statistic: str
    drift_score: float
    threshold: float
    is_drift: bool
    p_value: float | None = None
    details: FrozenDict[float] = FrozenDict()
    message: str = ""


class Verdict(Frozen):
    """One signal in one window. ``vote`` is this window's own; ``state`` is what the votes of the last windows make of it.

    ``vote`` is null when the window could not be judged. ``since`` is the start of the first window of the episode.
    ``scale`` is the window's length in seconds.
    """

    schema_version: Literal[1] = 1
    endpoint: str
    version: str
    signal: str
    detector: str
    window: Window
    scale: float
    rows: int
    vote: bool | None
    state: State
    since: float | None = None
    findings: Tuple[Finding] = ()
    reason: str = ""
    advice: str = ""


class GateResult(Frozen):
    """One gate: the value with its interval, the bound, the champion's value on the same rows, and whether it passed."""

    gate: str
    value: float
    low: float
    high: float
    bound: str
    champion: float | None = None
    passed: bool
    mode: Literal["enforce", "report", "disabled"] = "enforce"
    reason: str = ""


class GateVerdict(Frozen):
    """Whether a candidate's bytes may serve. ``champion`` is the version it was compared with, if there was one."""

    schema_version: Literal[1] = 1
    artifact_sha256: str
    passed: bool
    results: Tuple[GateResult] = ()
    champion: str | None = None


class Alert(Frozen):
    """What a sink is given. ``resolved`` says that what was alerted has ended."""

    schema_version: Literal[1] = 1
    recipe: str
    owner: str | None = None
    endpoint: str
    version: str
    signal: str
    state: State
    severity: Literal["info", "warning", "critical"] = "warning"
    resolved: bool = False
    what: str
    since: float | None = None
    at: float
    advice: str = ""
    findings: Tuple[Finding] = ()
