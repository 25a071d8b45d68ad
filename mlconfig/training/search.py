"""A search in one process: ask, try, tell, one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlconfig.contracts.searcher import Searcher
from mlconfig.errors import TrainingError
from mlconfig.sections.tuning import Tuning
from mlconfig.training.trial import TrialResult


@dataclass(frozen=True)
class Tried:
    """The values of one trial by recipe path, and what came of them."""

    values: Mapping[str, Any]
    result: TrialResult


@dataclass(frozen=True)
class SearchResult:
    """``best``: the values with the least loss, the earlier of equals; ``tried``: all trials in order."""

    best: Mapping[str, Any]
    loss: float
    tried: tuple[Tried, ...]


def search(
    tuning: Tuning, searcher: Searcher, run: Callable[[dict[str, Any]], TrialResult], clock: Callable[[], float]
) -> SearchResult:
    """Try values until there are no more, ``tuning.trials`` are done, or ``tuning.time_limit`` is over.

    Args:
        tuning: space and bounds.
        searcher: proposes values and learns from their loss.
        run: carries one trial out.
        clock: seconds that only grow, such as ``time.monotonic``.

    Raises:
        TrainingError: no trial succeeded; it gives the reason of the last.
    """
    searcher.start(tuning.space)
    limit = math.inf if tuning.time_limit is None else clock() + tuning.time_limit.total_seconds()
    tried: list[Tried] = []
    while len(tried) < tuning.trials and (not tried or clock() < limit):
        values = searcher.ask()
        if values is None:
            break
        result = run(values)
        searcher.tell(values, result.loss)
        tried.append(Tried(values, result))
    return best_of(tuple(tried))


def best_of(tried: tuple[Tried, ...]) -> SearchResult:
    """The trial with the least loss. Raises ``TrainingError`` when none succeeded."""
    good = [trial for trial in tried if not math.isnan(trial.result.loss)]
    if not good:
        reason = tried[-1].result.reason if tried else "the searcher proposed nothing"
        raise TrainingError(f"none of {len(tried)} trials succeeded; the last: {reason}", where="tuning")
    best = min(good, key=lambda trial: trial.result.loss)
    return SearchResult(best.values, best.result.loss, tried)
