"""What monitoring found in a window, and what a gate found in a candidate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

from mlconfig.vocabulary import Frozen, FrozenDict, Tuple, Window

State = Literal["ok", "suspect", "alert", "lasting", "unknown"]
"""Worse to the right; ``unknown`` is too little data, never ok."""


Cause = Literal["pipeline_break", "spike", "season", "lasting_drift"]
"""What probably lies behind an episode: something broke on the way of the rows, it passes, it comes and goes with the clock, or
the world has changed."""

CAUSES: Mapping[Cause, str] = MappingProxyType(
    {
        "pipeline_break": "something broke on the way of the rows",
        "spike": "a spike so far, which may pass or last",
        "season": "the season: it comes and goes with the clock",
        "lasting_drift": "the world has changed, and stays so",
    }
)
"""The probable causes as people read them, after "probably"."""


class Finding(Frozen):
    """One check of one column (or of the whole, when ``column`` is null).

    ``shown_by``: the columns that a finding about the whole is mostly due to, where that is known; its vote is theirs.
    """

    column: str | None
    statistic: str
    drift_score: float
    threshold: float
    is_drift: bool
    p_value: float | None = None
    details: FrozenDict[float] = FrozenDict()
    message: str = ""
    shown_by: Tuple[str] = ()


def how_bad(finding: Finding) -> tuple[bool, float]:
    """What findings are compared by: whether it drifted, and how far it is over its threshold, in thresholds."""
    return finding.is_drift, (finding.drift_score - finding.threshold) / max(abs(finding.threshold), 1e-12)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in the order in which people want to read them."""
    return tuple(sorted(findings, key=how_bad, reverse=True))


class Verdict(Frozen):
    """One signal in one window. ``vote`` is this window's own; ``state`` is what the votes of the last windows make of it.

    ``vote`` is null when the window could not be judged. ``since`` is the start of the first window of the episode.
    ``scale`` is the window's length in seconds; ``labelled`` of the ``rows`` had a label.
    ``reference`` says in words what the window was compared with; ``cause`` is the
    probable one, null where nothing is wrong or nothing points to one. ``revisions``: how often labels of these rows had
    been corrected by then. ``settings``: digest of what the window was judged by; another one judges it anew.
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
    cause: Cause | None = None
    reference: str = ""
    labelled: int = 0
    revisions: int = 0
    settings: str = ""


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
    """What a sink is given. ``resolved`` says that what was alerted has ended; ``repeated``, that it was said before.

    It carries what it was measured by: ``value`` of the worst finding, its ``threshold``, the ``normal`` range of it
    ([low, high]), and ``advice``, what a person should do. ``rule`` names the rule that says it;
    ``action`` is what else it sets off. ``episode`` is what an alert has in common with its repetitions and its end;
    ``repeat_at``: when it is said again while it lasts, so a receiver may forget it soon after. ``about``: the columns
    that are as bad as the rule asks (what is of no column by its statistic); on record, those ever said of the episode.
    """

    schema_version: Literal[1] = 1
    recipe: str
    owner: str | None = None
    endpoint: str
    version: str
    rule: str = ""
    episode: str = ""
    signal: str
    state: State
    severity: Literal["info", "warning", "critical"] = "warning"
    action: Literal["notify", "retrain", "rollback"] = "notify"
    resolved: bool = False
    repeated: bool = False
    what: str
    cause: Cause | None = None
    value: float | None = None
    threshold: float | None = None
    normal: Tuple[float] | None = None
    since: float | None = None
    window: Window | None = None
    at: float
    repeat_at: float | None = None
    advice: str = ""
    findings: Tuple[Finding] = ()
    about: Tuple[str] = ()
