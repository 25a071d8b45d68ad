"""Each signal's newest verdict as a person on call needs it: what, where, how much, since when, why, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlconfig.pages.signal_words import (
    RANK,
    STATES,
    column_words,
    figure,
    ratio,
    signal_words,
    statistic_words,
)
from mlconfig.pages.wording import Clock, count, duration, times
from mlconfig.records.verdict import CAUSES, Finding, State, Verdict
from mlconfig.vocabulary import plural

SHOWN = 6
"""So many columns are named at once; the others can be opened."""
_NONE_ALLOWED = "where none is allowed"


@dataclass(frozen=True)
class Place:
    """A column that a verdict is about. ``anchor``: of its card, empty where it has none."""

    column: str
    anchor: str
    much: str


@dataclass(frozen=True)
class Card:
    """One signal. Texts may be empty; ``places`` beyond the first are ``more``. ``beyond``: its newest window votes."""

    signal: str
    title: str
    state: State
    state_words: str
    what: str
    seen: str
    places: tuple[Place, ...] = ()
    more: tuple[Place, ...] = ()
    much: str = ""
    since: float | None = None
    lasted: str = ""
    cause: str = ""
    advice: str = ""
    compared: str = ""
    note: str = ""
    beyond: bool = False


def newest_by_scale(verdicts: Iterable[Verdict]) -> dict[str, dict[float, Verdict]]:
    """By signal and window length the newest verdict that could be judged, else the newest."""
    found: dict[str, dict[float, Verdict]] = {}
    for verdict in sorted(verdicts, key=lambda verdict: (verdict.vote is not None, verdict.window.start)):
        found.setdefault(verdict.signal, {})[verdict.scale] = verdict
    return found


def cards(verdicts: Sequence[Verdict], anchors: Mapping[str, str], reference_words: str, clock: Clock) -> list[Card]:
    """One a signal, the worst first.

    Args:
        verdicts: of one version, any order.
        anchors: by column, of its card on the page.
        reference_words: what is compared with where a verdict does not say.
        clock: for moments.
    """
    latest: dict[tuple[str, float], Verdict] = {}
    for verdict in sorted(verdicts, key=lambda verdict: verdict.window.start):
        latest[verdict.signal, verdict.scale] = verdict
    found = []
    for scales in newest_by_scale(verdicts).values():
        worst = max(scales.values(), key=lambda verdict: (RANK[verdict.state], bool(verdict.vote), -verdict.scale))
        found.append(_card(worst, latest[worst.signal, worst.scale], anchors, reference_words, clock))
    return sorted(found, key=lambda card: (-RANK[card.state], card.title))


def _card(worst: Verdict, latest: Verdict, anchors: Mapping[str, str], reference_words: str, clock: Clock) -> Card:
    words = signal_words(worst.signal)
    wrong = worst.state in ("suspect", "alert", "lasting")
    named = _places(worst.findings, anchors) if wrong else []
    return Card(
        signal=worst.signal,
        title=words.title,
        state=worst.state,
        state_words=STATES[worst.state],
        what=_what(worst, words.wrong, wrong=wrong),
        seen=_seen(worst, clock),
        places=tuple(named[:SHOWN]),
        more=tuple(named[SHOWN:]),
        much=_much(worst.findings) if wrong else "",
        since=worst.since if wrong else None,
        lasted=duration_words(worst.window.end - worst.since) if wrong and worst.since is not None else "",
        cause=f"Probably {CAUSES[worst.cause]}." if wrong and worst.cause is not None else "",
        advice=sentence(worst.advice) if wrong else "",
        compared=worst.reference or (reference_words if worst.findings else ""),
        note=_note(worst, latest, clock),
        beyond=bool(worst.vote),
    )


def _what(verdict: Verdict, wrong_words: str, *, wrong: bool) -> str:
    if verdict.state == "unknown":
        return sentence(verdict.reason) or "Nothing could be said."
    if not wrong:
        return _nearest(verdict.findings)
    whole = [finding.message for finding in verdict.findings if finding.is_drift and finding.column is None]
    columns = {finding.column for finding in verdict.findings if finding.column is not None}
    drifting = {finding.column for finding in verdict.findings if finding.is_drift and finding.column is not None}
    if drifting:
        return f"{wrong_words} {len(drifting)} of {plural(len(columns), 'column')} beyond the limit."
    if any(whole):
        return f"{wrong_words} {sentence('; '.join(filter(None, whole)))}"
    return f"{wrong_words} The newest window is within its limits again."


def _nearest(findings: Sequence[Finding]) -> str:
    """What came nearest to its limit, so that fine is a figure and not a claim."""
    nearest = max(findings, key=lambda finding: (finding.is_drift, ratio(finding)), default=None)
    if nearest is None:
        return "Nothing beyond its limit."
    once = "Beyond its limit in the newest window, too rarely so far to count: " if nearest.is_drift else ""
    if nearest.column is None:
        return f"{once}{nearest.message}." if nearest.message and once else sentence(nearest.message or _score(nearest))
    return f"{once or 'Nearest to its limit: '}{column_words(nearest.column)}, {_score(nearest)}."


def _score(finding: Finding) -> str:
    name, value = statistic_words(finding.statistic), figure(finding.statistic, finding.drift_score)
    return f"{name} {value} (limit {figure(finding.statistic, finding.threshold)})"


def _much(findings: Sequence[Finding]) -> str:
    """The worst figure beside its limit."""
    worst = max((finding for finding in findings if finding.is_drift), key=ratio, default=None)
    if worst is None:
        return ""
    limit = figure(worst.statistic, worst.threshold)
    score = f"{statistic_words(worst.statistic)} {figure(worst.statistic, worst.drift_score)}"
    if worst.threshold == 0:
        return f"At worst: {score} {_NONE_ALLOWED}"
    return f"At worst {times(ratio(worst))} its limit: {score} where {limit} is allowed"


def _places(findings: Sequence[Finding], anchors: Mapping[str, str]) -> list[Place]:
    worst: dict[str, Finding] = {}
    for finding in findings:
        if finding.is_drift and finding.column is not None:
            known = worst.get(finding.column)
            worst[finding.column] = finding if known is None else max(known, finding, key=ratio)
    ordered = sorted(worst.items(), key=lambda item: -ratio(item[1]))
    return [Place(column_words(name), anchors.get(name, ""), _place_words(found)) for name, found in ordered]


def _place_words(finding: Finding) -> str:
    much = f"{times(ratio(finding))} its limit" if finding.threshold != 0 else _NONE_ALLOWED
    return f"{statistic_words(finding.statistic)} {figure(finding.statistic, finding.drift_score)}, {much}"


def _seen(verdict: Verdict, clock: Clock) -> str:
    return (
        f"window of {duration(verdict.scale)}, {clock.span(verdict.window.start, verdict.window.end)}, "
        f"{count(verdict.rows)} {'requests' if verdict.detector == 'service' else 'rows'}"
    )


def _note(worst: Verdict, latest: Verdict, clock: Clock) -> str:
    """That newer windows could not be judged, and why."""
    if latest.vote is not None or worst.vote is None:
        return ""
    return f"The newest window ({clock.at(latest.window.start)}) could not be judged: {latest.reason}."


def sentence(text: str) -> str:
    """With a capital letter, unless it begins with a name, and a full stop."""
    text = text.strip()
    if not text:
        return ""
    first = text[0].upper() if text[0].isascii() and text[0].isalpha() else text[0]
    return f"{first}{text[1:]}{'' if text[-1] in '.!?' else '.'}"


def duration_words(seconds: float) -> str:
    """About how long: two days and three hours are two days."""
    size, word = next((pair for pair in ((86_400, "day"), (3600, "hour")) if seconds >= 2 * pair[0]), (60, "minute"))
    return f"for {plural(max(int(seconds // size), 1), word)}"
