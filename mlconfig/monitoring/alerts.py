"""Alerts out of verdicts: said once when a rule begins to hold, again when it gets worse or lasts, and once at its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mlconfig.monitoring.alert_rules import RANK, Course, News, rules_of, worst
from mlconfig.records.verdict import CAUSES, Alert, Verdict, worst_first
from mlconfig.sections.alerts import AlertRule, Alerts
from mlconfig.sections.monitoring import Monitoring

TOLD_FINDINGS = 3
"""So many findings are written out in the sentence; the alert carries all of them."""


@dataclass(frozen=True)
class Said:
    """By whom and when it is said, and what the rules are.

    Args:
        recipe: its name.
        owner: who answers for it.
        at: now, seconds since 1970.
        alerts: the section.
        monitoring: the section; its signals are those of ``rules: auto``.
    """

    recipe: str
    owner: str | None
    at: float
    alerts: Alerts
    monitoring: Monitoring

    @property
    def repeat(self) -> float:
        """After so many seconds it is said again."""
        return self.alerts.repeat.total_seconds()

    def courses(self) -> dict[str, Course]:
        """Each rule before it saw anything."""
        rules = rules_of(self.alerts, self.monitoring)
        return {name: Course(rule, self.monitoring, self.repeat) for name, rule in rules.items()}


def alerts_of(
    verdicts: Sequence[Verdict],
    previous: Sequence[Verdict],
    *,
    alerts: Alerts,
    monitoring: Monitoring,
    recipe: str,
    owner: str | None = None,
    at: float,
) -> tuple[Alert, ...]:
    """What is to be said after a pass, rule by rule, each in the order of its windows.

    It is said once when a rule begins to hold, again when the state gets worse or a column joins, again after
    ``alerts.repeat`` (by the ends of the windows), and once at its end. When a rule holds is told at ``alert_rules.Course``.

    Args:
        verdicts: what the pass found, new and changed.
        previous: what was known before it, of the same version.
        alerts: the section.
        monitoring: the section; its signals are those of ``rules: auto``.
        recipe: the recipe's name.
        owner: who answers for it.
        at: when this is said, seconds since 1970.
    """
    said = Said(recipe, owner, at, alerts, monitoring)
    found = []
    for name, course in said.courses().items():
        for _ in course.follow(previous):
            pass
        found += [_alert(name, course.rule, news, said) for news in course.follow(verdicts)]
    return tuple(found)


def standing_alerts(
    history: Sequence[Verdict], open_alerts: Sequence[Alert], version: str, said: Said
) -> tuple[Alert, ...]:
    """What should have been said by now, whatever was lost on the way: alerts that hold, and ends of those that do not.

    Args:
        history: all verdicts of the live version, one for each signal, scale and window.
        open_alerts: what was said at the endpoint, of any version, and has not ended.
        version: the live one.
        said: by whom and when.
    """
    courses = said.courses()
    holding = []
    for name, course in courses.items():
        for _ in course.follow(history):
            pass
        news = course.holds()
        holding += [] if news is None else [_alert(name, course.rule, news, said)]
    held = {alert.rule for alert in holding}
    over = [alert for alert in open_alerts if alert.version != version or alert.rule not in held]
    ended = [_ended(alert, version, courses.get(alert.rule), said) for alert in over]
    return (*holding, *(alert for alert in ended if alert is not None))


def _ended(alert: Alert, version: str, course: Course | None, said: Said) -> Alert | None:
    """The end of an alert that does not hold; null while nothing shows that it ended."""
    over = {"resolved": True, "repeated": False, "advice": "", "findings": (), "repeat_at": None, "cause": None}
    ended = alert.model_copy(update={**over, "at": said.at})
    if alert.version != version:
        return ended.model_copy(update={"what": f"{alert.signal}: version {version} is live now"})
    if course is None or course.rule.signal != alert.signal:
        return ended.model_copy(update={"what": f"{alert.signal}: no rule asks for it any more"})
    newest = course.newest()
    if newest is None:
        return None
    what = f"{_who(alert.signal, alert.version)} {_now_it_is(course.rule, newest)}"
    return ended.model_copy(update={"what": what, "state": newest.state, "window": newest.window})


def recipients(alerts: Alerts, rule: str) -> tuple[str, ...]:
    """The sinks that a rule's alerts go to, by name; none for a rule that is not declared."""
    if alerts.rules == "auto":
        return tuple(alerts.sinks)
    declared = alerts.rules.get(rule)
    if declared is None:
        return ()
    return tuple(alerts.sinks) if declared.to == "auto" else tuple(dict.fromkeys(declared.to))


def wanted_retrain(alerts: Iterable[Alert]) -> str | None:
    """Why the open alerts of the live version want a retrain, for the policy; null when none does.

    Where something broke on the way of the rows none does: a model that learned from them would be worse.
    """
    wanting = [
        alert
        for alert in alerts
        if alert.action == "retrain" and not alert.resolved and alert.cause != "pipeline_break"
    ]
    return "; ".join(f"alert `{alert.rule}`: {alert.signal} is {alert.state}" for alert in wanting) or None


def wanted_rollback(alerts: Iterable[Alert]) -> Alert | None:
    """The first of the open alerts of the live version that wants a rollback."""
    return next((alert for alert in alerts if alert.action == "rollback" and not alert.resolved), None)


def _alert(name: str, rule: AlertRule, news: News, said: Said) -> Alert:
    verdict, ended = news.verdict, news.kind == "ended"
    finding = worst(news.voted.findings)
    return Alert(
        recipe=said.recipe,
        owner=said.owner,
        endpoint=verdict.endpoint,
        version=verdict.version,
        rule=name,
        signal=verdict.signal,
        state=verdict.state,
        severity=rule.severity,
        action=rule.action,
        resolved=ended,
        repeated=news.kind == "repeated",
        what=f"{_who(verdict.signal, verdict.version)} {_now_it_is(rule, verdict)}" if ended else _sentence(news),
        cause=None if ended else news.voted.cause,
        value=finding.drift_score if finding is not None else None,
        threshold=finding.threshold if finding is not None else None,
        normal=_normal(rule, finding.threshold if finding is not None else None),
        since=verdict.since,
        window=verdict.window,
        at=said.at,
        repeat_at=None if ended else said.at + said.repeat,
        advice="" if ended else rule.advice or news.voted.advice,
        findings=() if ended else worst_first(each for each in news.voted.findings if each.is_drift),
        about=() if ended else tuple(sorted(news.about)),
    )


def _normal(rule: AlertRule, threshold: float | None) -> tuple[float, ...] | None:
    if rule.normal is not None or threshold is None:
        return rule.normal
    return min(0.0, threshold), max(0.0, threshold)


def _who(signal: str, version: str) -> str:
    return f"{signal} of version {version}"


def _now_it_is(rule: AlertRule, newest: Verdict) -> str:
    """How an alert ended."""
    if rule.when == "unknown":
        return "is judged again"
    if newest.state == "ok":
        return "is ok again"
    inside = RANK[newest.state] >= RANK[rule.when]
    return "is inside its normal range again" if inside else f"is {newest.state}, no longer {rule.when}"


def _sentence(news: News) -> str:
    """Who, in which state, since when, what shows it, and what is probably behind it."""
    verdict, voted = news.verdict, news.voted
    since = f" since {_moment(verdict.since)}" if verdict.since is not None else ""
    also = _joined(voted, news.also)
    facts = verdict.reason if verdict.state == "unknown" else _facts(voted, news.also)
    cause = f"; probably {CAUSES[voted.cause]}" if voted.cause is not None else ""
    return f"{_who(verdict.signal, verdict.version)}: {verdict.state}{since}{also}{': ' if facts else ''}{facts}{cause}"


def _joined(voted: Verdict, also: frozenset[str]) -> str:
    """What has joined: columns, and what is of no column in words."""
    figures = {
        f"({each.statistic})": each.statistic.replace("_", " ") for each in voted.findings if each.column is None
    }
    columns = ", ".join(f"`{name}`" for name in sorted(also - figures.keys()) if name)
    others = ", ".join(figures[name] for name in sorted(also & figures.keys()))
    return (f", now in {columns} too" if columns else "") + (f", now also {others}" if others else "")


def _facts(verdict: Verdict, also: frozenset[str]) -> str:
    """The worst findings' messages, the worst first; before them those of columns that are news."""
    left = [finding for finding in verdict.findings if finding.is_drift and finding.message]
    told: list[str] = []
    while left and len(told) < TOLD_FINDINGS:
        finding = worst([each for each in left if each.column in also]) or worst(left)
        assert finding is not None
        left.remove(finding)
        told.append(finding.message)
    more = f"; and {len(left)} more" if left else ""
    return f"{'; '.join(told)}{more}"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
