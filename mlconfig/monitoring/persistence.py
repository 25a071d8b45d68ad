"""Votes, m of the last n windows: what lasts is told from what passes by."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from mlconfig.records.verdict import Finding, State, Verdict
from mlconfig.sections.monitoring import Persistence

WORST_FIRST: tuple[State, ...] = ("lasting", "alert", "suspect")


def state_of(votes: Sequence[bool], persistence: Persistence) -> State:
    """The worst state whose m of n the votes reach; oldest first, only windows that could be judged.

    A spike shorter than the m of ``lasting`` never is lasting, however high it is: votes are counted, not averaged.
    """
    for state in WORST_FIRST:
        m, n = getattr(persistence, state)
        if sum(votes[-n:]) >= m:
            return state
    return "ok"


def restate(
    verdicts: Iterable[Verdict], persistence: Persistence, since: float, *, gaps: bool = False
) -> list[Verdict]:
    """The states of one signal at one scale, from the votes of each of its columns.

    A column that breaks for a while and then another one are two episodes, not one that lasts: the signal is as bad as the
    worst of its columns. A window without a vote is ``unknown``; it neither counts nor resets, and an episode goes on through
    it. ``since`` of an episode is the start of the first window whose vote led to it.

    Args:
        verdicts: of one version, signal and scale, in any order.
        since: windows that start before are history: their votes count, their states stay as they are.
        gaps: whether windows are missing where nobody asked, as of a signal that is asked on suspicion. They count as windows
            without a vote, so that what was found days ago is another episode.

    Returns the verdicts from ``since`` on, oldest first.
    """
    votes: deque[tuple[float, frozenset[str]]] = deque(maxlen=max(getattr(persistence, s)[1] for s in WORST_FIRST))
    begun: float | None = None
    restated = []
    for verdict in sorted(verdicts, key=lambda verdict: verdict.window.start):
        if gaps:
            votes.extend(_unasked(votes, verdict))
            begun = begun if any(who for _, who in votes) else None
        if verdict.vote is None:
            state: State = "unknown"
        else:
            votes.append((verdict.window.start, voters(verdict)))
            state, first = _worst(votes, persistence)
            begun = None if state == "ok" else begun if _goes_on(begun, votes, persistence) else first
        if verdict.window.start < since:
            begun = verdict.since if verdict.vote is not None else begun
            continue
        shown = None if state in ("ok", "unknown") else begun
        restated.append(verdict.model_copy(update={"state": state, "since": shown}))
    return restated


def _unasked(votes: deque[tuple[float, frozenset[str]]], verdict: Verdict) -> list[tuple[float, frozenset[str]]]:
    """The windows between the last one that was judged and this one, as far as they are remembered."""
    if not votes or votes.maxlen is None:
        return []
    missing = min(round((verdict.window.start - votes[-1][0]) / verdict.scale) - 1, votes.maxlen)
    return [(verdict.window.start - number * verdict.scale, frozenset()) for number in range(missing, 0, -1)]


def voters(verdict: Verdict) -> frozenset[str]:
    """What a verdict's vote is about: its columns, and by their statistic the findings that no column shows."""
    if not verdict.vote:
        return frozenset()
    drifted = [finding for finding in verdict.findings if finding.is_drift]
    return frozenset(voter for finding in drifted for voter in _shown_by(finding)) or frozenset({""})


def _shown_by(finding: Finding) -> tuple[str, ...]:
    return (finding.column,) if finding.column is not None else finding.shown_by or (f"({finding.statistic})",)


def _worst(votes: Sequence[tuple[float, frozenset[str]]], persistence: Persistence) -> tuple[State, float | None]:
    """The worst state of any voter, and the start of the first window that led to it."""
    found: list[tuple[int, float, State]] = []
    for voter in frozenset().union(*(who for _, who in votes)):
        mine = [(start, voter in who) for start, who in votes]
        state = state_of([vote for _, vote in mine], persistence)
        if state != "ok":
            found.append((WORST_FIRST.index(state), _first_vote(mine, state, persistence), state))
    if not found:
        return "ok", None
    _, first, state = min(found)
    return state, first


def _goes_on(begun: float | None, votes: Sequence[tuple[float, frozenset[str]]], persistence: Persistence) -> bool:
    """Whether an episode that began then is still of a voter that is not fine now; one that has left memory is believed."""
    if begun is None:
        return False
    then = next((who for start, who in votes if start == begun), None)
    if then is None:
        return True
    return any(state_of([voter in who for _, who in votes], persistence) != "ok" for voter in then)


def _first_vote(votes: Iterable[tuple[float, bool]], state: State, persistence: Persistence) -> float:
    """Start of the oldest window that voted for the state."""
    recent = list(votes)[-getattr(persistence, state)[1] :]
    return next(start for start, vote in recent if vote)
