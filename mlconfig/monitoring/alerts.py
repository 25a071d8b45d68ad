"""Alerts out of verdicts: said once when a signal enters an alert, again when it gets worse, and once at its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby

from mlconfig.records.verdict import Alert, State, Verdict
from mlconfig.sections.alerts import Alerts

RANK: dict[State, int] = {"ok": 0, "unknown": 0, "suspect": 1, "alert": 2, "lasting": 3}
SAID = RANK["alert"]


def alerts_of(
    verdicts: Sequence[Verdict], previous: Sequence[Verdict], *, recipe: str, owner: str | None = None, at: float
) -> tuple[Alert, ...]:
    """What is to be said after a pass.

    A signal is as bad as the worst of its scales, each by its newest window that could be judged; an unknown window neither
    begins nor ends anything.

    Args:
        verdicts: what the pass found, new and changed.
        previous: what was known before it, of the same version.
        at: when this is said, seconds since 1970.
    """
    return tuple(
        alert
        for signal in dict.fromkeys(verdict.signal for verdict in verdicts)
        for alert in _of_signal(
            [verdict for verdict in verdicts if verdict.signal == signal],
            [verdict for verdict in previous if verdict.signal == signal],
            (recipe, owner, at),
        )
    )


def _of_signal(
    verdicts: Sequence[Verdict], previous: Sequence[Verdict], said_by: tuple[str, str | None, float]
) -> Iterable[Alert]:
    newest: dict[float, Verdict] = {}
    for verdict in _in_time(previous):
        newest[verdict.scale] = verdict
    said = _worst(newest)
    for _, together in groupby(_in_time(verdicts), key=lambda verdict: verdict.window.end):
        for verdict in together:
            known = newest.get(verdict.scale)
            if known is None or known.window.start <= verdict.window.start:
                newest[verdict.scale] = verdict
        rank = _worst(newest)
        ended = rank < SAID <= said
        if ended or (rank >= SAID and rank > said):
            yield _alert(max(newest.values(), key=lambda verdict: RANK[verdict.state]), said_by, resolved=ended)
        said = rank if rank < SAID else max(said, rank)


def _in_time(verdicts: Iterable[Verdict]) -> list[Verdict]:
    judged = (verdict for verdict in verdicts if verdict.vote is not None)
    return sorted(judged, key=lambda verdict: (verdict.window.end, verdict.scale))


def _worst(newest: dict[float, Verdict]) -> int:
    return max((RANK[verdict.state] for verdict in newest.values()), default=0)


def _alert(verdict: Verdict, said_by: tuple[str, str | None, float], *, resolved: bool) -> Alert:
    recipe, owner, at = said_by
    return Alert(
        recipe=recipe,
        owner=owner,
        endpoint=verdict.endpoint,
        version=verdict.version,
        signal=verdict.signal,
        state=verdict.state,
        severity="info" if resolved else "warning",
        resolved=resolved,
        what=_sentence(verdict, resolved),
        since=verdict.since,
        at=at,
        advice="" if resolved else verdict.advice,
        findings=tuple(finding for finding in verdict.findings if finding.is_drift),
    )


def _sentence(verdict: Verdict, resolved: bool) -> str:
    who = f"{verdict.signal} of version {verdict.version}"
    if resolved:
        return f"{who} is {verdict.state} again"
    since = (
        f" since {datetime.fromtimestamp(verdict.since, UTC):%Y-%m-%d %H:%M} UTC" if verdict.since is not None else ""
    )
    facts = "; ".join(finding.message for finding in verdict.findings if finding.is_drift and finding.message)
    return f"{who}: {verdict.state}{since}{': ' if facts else ''}{facts}"


def recipients(alerts: Alerts, rule: str) -> tuple[str, ...]:
    """The sinks that a rule's alerts go to, by name; none for a rule that is not declared."""
    raise NotImplementedError


def wanted_retrain(alerts: Iterable[Alert]) -> str | None:
    """Why the open alerts of the live version want a retrain, for the policy; null when none does."""
    raise NotImplementedError


def wanted_rollback(alerts: Iterable[Alert]) -> Alert | None:
    """The first of the open alerts of the live version that wants a rollback."""
    raise NotImplementedError
