"""What probably lies behind an episode, and what to do about it: rules over votes and findings, no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlconfig.records.verdict import Cause, Finding, Verdict

HALF = 0.5
"""A column that in one step is null, new or one single value in so many more of its rows has broken, not drifted."""
MOSTLY = 0.9
RARE = 0.1
ORDINARY = 0.01
"""A value with such a share of the reference is one of its own: January, at an hour of the year."""
BY_CHANCE = 0.05
"""So probable, by what rows are worth that are alike, one value in all of a window's rows is nothing remarkable."""
DAY = 86_400.0
SEASONS = ((DAY, 3), (7 * DAY, 2))
"""Lengths in seconds; a time of day, or of the week, must have stood out so many times in a row, and most others of these
days not, before the clock is blamed."""

ADVICE: dict[Cause, str] = {
    "pipeline_break": "look at what sends these columns (a renamed, dropped or constant column); retraining on broken rows "
    "makes it worse",
    "spike": "watch whether it passes; if it was expected (a campaign, an outage), do nothing",
    "season": "it comes and goes with the clock, or the calendar: give the model the time, or compare with the same hours "
    "(monitoring.reference.season)",
    "lasting_drift": "see which columns moved and whether quality is fine; retrain on recent rows",
}
ON_QUALITY: dict[Cause, str] = {
    "spike": "watch whether it passes, and look at what sends these rows before anything is learned from them",
    "lasting_drift": "see at what sends these rows whether the values are right; if they are, retrain on recent rows",
}
ON_ANSWERS: dict[Cause, str] = {
    "spike": "watch whether it passes, and see which columns drifted",
    "lasting_drift": "see which columns drifted; retrain on recent rows",
}
ON_REFUSED = (
    "see what the refused requests are told (`error.where` names the field: often a column that was renamed or dropped) and "
    "how many there are by code (/metrics); retraining does not help"
)
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
    return top >= MOSTLY and top - before >= HALF and varied and not _constant_by_the_calendar(details)


def _constant_by_the_calendar(details: Mapping[str, float]) -> bool:
    """Whether a column shows one value, as it does in each stretch of the reference: the month in a month's rows, say.

    Rows that are alike are worth fewer independent ones, and that all of these have one value of k even ones has the
    probability k^(1 - rows). A short reference shows no stretch as long as the window; a column that hardly ever changes within
    those that it shows may be constant for longer.
    """
    top, before, rows = (details.get(name, 0.0) for name in ("top_share", "reference_top_share", "independent_rows"))
    if not rows or top < MOSTLY or before < ORDINARY:
        return False
    chance = float(details.get("reference_values", 1.0) ** (1.0 - max(rows, 1.0)))
    return chance >= BY_CHANCE or details.get("alike", 0.0) >= MOSTLY


def probable_cause(verdict: Verdict, earlier: Sequence[Verdict], together: Mapping[str, Verdict]) -> Cause | None:
    """The probable cause of a verdict that votes yes; null where nothing points to one.

    Args:
        verdict: with its state.
        earlier: of the same signal and scale, oldest first.
        together: the verdicts of all signals in the same window, by name.
    """
    if not verdict.vote:
        return None
    if _refused(verdict) >= HALF:
        return "pipeline_break"
    if verdict.signal == "service":
        return None
    broken = [name for other in together.values() if other.vote for name in broken_columns(other.findings)]
    if broken and (verdict.signal in _OF_ANSWERS or _concerns(verdict, broken)):
        return "pipeline_break"
    if _goes_by_the_clock(verdict, earlier) or _goes_by_the_calendar(verdict):
        return "season"
    return "lasting_drift" if verdict.state == "lasting" else "spike"


def _refused(verdict: Verdict) -> float:
    """The share of requests refused for what was sent, where it is beyond what is tolerated; else 0."""
    shares = (each.drift_score for each in verdict.findings if each.is_drift and each.statistic == "rejected_fraction")
    return max(shares, default=0.0)


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


def _goes_by_the_calendar(verdict: Verdict) -> bool:
    """Whether all that drifted is constant in the reference's own stretches. A window of weeks has no season that votes show
    before years have passed.
    """
    drifted = [finding for finding in verdict.findings if finding.is_drift]
    return bool(drifted) and all(_constant_by_the_calendar(finding.details) for finding in drifted)


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
    if _refused(verdict) >= HALF or _is_of_refusals(verdict):
        return ON_REFUSED
    if "service" in detector_reads:
        return ON_SERVICE
    if verdict.cause in {"pipeline_break", "season"}:
        return ADVICE[verdict.cause]
    return _by_signal(verdict, detector_reads)


def _is_of_refusals(verdict: Verdict) -> bool:
    return {each.statistic for each in verdict.findings if each.is_drift} == {"rejected_fraction"}


def _by_signal(verdict: Verdict, detector_reads: frozenset[str]) -> str:
    if verdict.signal == "fairness":
        return ON_FAIRNESS
    cause = verdict.cause or "lasting_drift"
    if "labels" in detector_reads:
        return ON_ANSWERS[cause]
    if "facts" in detector_reads:
        return ON_QUALITY[cause]
    return ADVICE[cause]
