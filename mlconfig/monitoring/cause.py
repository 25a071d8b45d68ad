"""What probably lies behind an episode, and what to do about it: rules over votes and findings, no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlconfig.records.verdict import Cause, Finding, Verdict

HALF = 0.5
"""A column that in one step is null, new or one single value in so many more of its rows has broken, not drifted."""
MOSTLY = 0.9
RARE = 0.1
DAY = 86_400.0
SEASONS = ((DAY, 3), (7 * DAY, 2))
"""Lengths in seconds; a time of day, or of the week, must have stood out so many times in a row, and most others of these
days not, before the clock is blamed."""

ADVICE: dict[Cause, str] = {
    "pipeline_break": "look at what sends these columns (a renamed, dropped or constant column); retraining on broken rows "
    "makes it worse",
    "spike": "watch whether it passes; if it was expected (a campaign, an outage), do nothing",
    "season": "it comes and goes with the clock: give the model the time, or compare with the same hours "
    "(monitoring.reference.season)",
    "lasting_drift": "see which columns moved and whether quality is fine; retrain on recent rows",
}
ON_QUALITY = "look at what sends these columns; retraining on broken rows makes it worse"
ON_ANSWERS = "see which columns drifted; a retrain on recent rows may help"
ON_SERVICE = "look at the replicas' logs and at what was deployed last; retraining does not help"
ON_FAIRNESS = "look at how the groups' inputs changed before deciding anything by these answers"


def broken_columns(findings: Sequence[Finding]) -> list[str]:
    """Columns that look as if something broke on their way: fed nulls, one constant, or nothing but new levels."""
    return [
        finding.column
        for finding in findings
        if finding.column is not None and finding.is_drift and _is_broken(finding.details)
    ]


def _is_broken(details: Mapping[str, float]) -> bool:
    nulls = details.get("null_fraction", 0.0)
    more_nulls = max(nulls - details.get("reference_null_fraction", 0.0), details.get("null_fraction_increase", 0.0))
    new = details.get("new_category_fraction", 0.0) * (1.0 - nulls)  # of all rows: a column may be hardly ever filled
    return more_nulls >= HALF or new >= HALF or _went_constant(details)


def _went_constant(details: Mapping[str, float]) -> bool:
    """Whether a column that varied shows one value. One of two may be gone with a part of the rows: that is drift."""
    top, before = details.get("top_share", 0.0), details.get("reference_top_share", 0.0)
    varied = before < RARE or details.get("reference_values", 3.0) > 2
    return top >= MOSTLY and top - before >= HALF and varied


def probable_cause(verdict: Verdict, earlier: Sequence[Verdict], together: Mapping[str, Verdict]) -> Cause | None:
    """The probable cause of a verdict that votes yes; null where nothing points to one.

    Args:
        verdict: with its state.
        earlier: of the same signal and scale, oldest first.
        together: the verdicts of all signals in the same window, by name.
    """
    if not verdict.vote or verdict.signal == "service":
        return None
    broken = [name for other in together.values() if other.vote for name in broken_columns(other.findings)]
    if broken and (verdict.signal in _OF_ANSWERS or _concerns(verdict, broken)):
        return "pipeline_break"
    if _goes_by_the_clock(verdict, earlier):
        return "season"
    return "lasting_drift" if verdict.state == "lasting" else "spike"


_OF_ANSWERS = frozenset(
    {"prediction_drift", "confidence", "performance", "estimated_performance", "multivariate_drift", "domain"}
)


def _concerns(verdict: Verdict, broken: Sequence[str]) -> bool:
    """Whether one of the broken columns is among those that the verdict is about."""
    return any(
        finding.is_drift and (finding.column is None or finding.column in broken) for finding in verdict.findings
    )


def _goes_by_the_clock(verdict: Verdict, earlier: Sequence[Verdict]) -> bool:
    """Whether this time of the day, or of the week, stood out before as it does now, and others did not."""
    return any(_recurs(verdict, earlier, length, times) for length, times in SEASONS if verdict.scale < length)


def _recurs(verdict: Verdict, earlier: Sequence[Verdict], length: float, times: int) -> bool:
    start = verdict.window.start
    recent = [v for v in earlier if v.vote is not None and v.window.start >= start - times * length]
    then = [v.vote for v in recent if (start - v.window.start) % length == 0]
    others = [v.vote for v in recent if (start - v.window.start) % length != 0]
    return len(then) >= times and all(then) and sum(map(bool, others)) < HALF * len(others)


def advice(verdict: Verdict, detector_reads: frozenset[str]) -> str:
    """What a person should do about a verdict that votes yes."""
    if not verdict.vote:
        return ""
    if "service" in detector_reads:
        return ON_SERVICE
    if verdict.cause in {"pipeline_break", "season"}:
        return ADVICE[verdict.cause]
    return _by_signal(verdict, detector_reads)


def _by_signal(verdict: Verdict, detector_reads: frozenset[str]) -> str:
    if verdict.signal == "fairness":
        return ON_FAIRNESS
    if "labels" in detector_reads:
        return ON_ANSWERS
    if "facts" in detector_reads:
        return ON_QUALITY
    return ADVICE[verdict.cause or "lasting_drift"]
