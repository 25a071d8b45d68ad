"""Laws of a trigger: a pure condition, told in words."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

from mlconfig.contracts import Trigger, TriggerView
from mlconfig.records.verdict import Finding, State, Verdict
from mlconfig.testing.law import Law, demand
from mlconfig.vocabulary import Window

NOW = 1_800_000_000.0
DAY = 86_400.0
SIGNALS = ("input_drift", "prediction_drift", "data_quality", "performance")


def laws_for(plugin: Trigger) -> list[Law]:
    """All of them; those about verdicts where it reads verdicts."""
    laws: list[Law] = [it_answers_null_or_words, same_view_same_answer, it_leaves_the_view_alone]
    return laws + ([without_verdicts_it_does_not_fire, what_is_unknown_or_fine_does_not_fire]
                   if plugin.tags.needs_monitoring else [])  # fmt: skip


def verdict(signal: str, state: State) -> Verdict:
    """A verdict about the hour before now."""
    drifts = state not in ("ok", "unknown")
    finding = Finding(
        column="größe", statistic="psi", drift_score=0.4, threshold=0.1, is_drift=drifts, message="`größe` moved"
    )
    return Verdict(
        endpoint="shop", version="3", signal=signal, detector="psi", window=Window(start=NOW - 3600, end=NOW),
        scale=3600.0, rows=0 if state == "unknown" else 5000, vote=None if state == "unknown" else drifts, state=state,
        since=NOW - 5 * DAY if drifts else None, findings=() if state == "unknown" else (finding,),
    )  # fmt: skip


def _view(state: State | None) -> TriggerView:
    verdicts = [] if state is None else [verdict(signal, state) for signal in SIGNALS]
    return TriggerView(now=NOW, live_since=NOW - 30 * DAY, last_retrain=None, verdicts=verdicts)


def views() -> Iterator[TriggerView]:
    """Every state of every signal; just gone live, long live, retrained long ago and a moment ago; another time zone."""
    states: tuple[State | None, ...] = (None, "unknown", "ok", "suspect", "alert", "lasting")
    for state in states:
        view = _view(state)
        yield view
        yield replace(view, live_since=NOW)
        yield replace(view, live_since=NOW - 400 * DAY, last_retrain=NOW - 200 * DAY)
        yield replace(view, last_retrain=NOW - 1, time_zone="Pacific/Apia")


def it_answers_null_or_words(plugin: Trigger) -> None:
    """A trigger answers null, or why a retrain is due in words for a person."""
    for view in views():
        why = plugin.fires(view)
        good = why is None or (isinstance(why, str) and bool(why.strip()))
        demand(good, f"{why!r}", "return None, or a sentence that says what is the case and since when")


def same_view_same_answer(plugin: Trigger) -> None:
    """The same view gives the same answer, of another instance too: all it knows, the time too, is the view."""
    other = type(plugin)(plugin.params, plugin.context)
    for view in views():
        seen = plugin.fires(view), plugin.fires(view), other.fires(view)
        demand(len(set(seen)) == 1, f"{seen}", "read `view.now`, never a clock; keep no state on the instance")


def it_leaves_the_view_alone(plugin: Trigger) -> None:
    """A trigger alters nothing of what it sees."""
    for view in views():
        before = copy.deepcopy(view)
        plugin.fires(view)
        demand(view == before, "the view's verdicts were altered", "work on copies: sorted(…), not .sort()")


def without_verdicts_it_does_not_fire(plugin: Trigger) -> None:
    """A trigger with ``needs_monitoring`` cannot fire where there are no verdicts."""
    why = plugin.fires(_view(None))
    demand(why is None, f"it fired: {why}", "fire on verdicts alone, or declare `needs_monitoring=False`")


def what_is_unknown_or_fine_does_not_fire(plugin: Trigger) -> None:
    """Windows that are fine, or that nobody could judge, are no reason for a retrain."""
    states: tuple[State, ...] = ("ok", "unknown")
    for state in states:
        why = plugin.fires(_view(state))
        demand(why is None, f"it fired on verdicts that are `{state}`: {why}", "look at the verdict's state")
