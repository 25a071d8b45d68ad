"""Votes, m of the last n windows: what lasts is told from what passes by."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from mlconfig.records.verdict import State, Verdict
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


def restate(verdicts: Iterable[Verdict], persistence: Persistence, since: float) -> list[Verdict]:
    """The states of one signal at one scale, from the votes.

    A window without a vote is ``unknown``; it neither counts nor resets, and an episode goes on through it. ``since`` of an
    episode is the start of the first window whose vote led to it.

    Args:
        verdicts: of one version, signal and scale, in any order.
        since: windows that start before are history: their votes count, their states stay as they are.

    Returns the verdicts from ``since`` on, oldest first.
    """
    votes: deque[tuple[float, bool]] = deque(maxlen=max(getattr(persistence, state)[1] for state in WORST_FIRST))
    begun: float | None = None
    restated = []
    for verdict in sorted(verdicts, key=lambda verdict: verdict.window.start):
        if verdict.vote is None:
            state: State = "unknown"
        else:
            votes.append((verdict.window.start, verdict.vote))
            state = state_of([vote for _, vote in votes], persistence)
            begun = None if state == "ok" else begun if begun is not None else _first_vote(votes, state, persistence)
        if verdict.window.start < since:
            begun = verdict.since if verdict.vote is not None else begun
            continue
        shown = None if state in ("ok", "unknown") else begun
        restated.append(verdict.model_copy(update={"state": state, "since": shown}))
    return restated


def _first_vote(votes: Iterable[tuple[float, bool]], state: State, persistence: Persistence) -> float:
    """Start of the oldest window that voted for the state."""
    recent = list(votes)[-getattr(persistence, state)[1] :]
    return next(start for start, vote in recent if vote)
