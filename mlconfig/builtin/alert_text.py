"""An alert as people read it: a headline and its facts, in the order in which they matter at three in the morning."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

from mlconfig.records.verdict import CAUSES, Alert

TOLD_FINDINGS = 10
"""So many findings are listed; the rest are counted."""


def headline(alert: Alert) -> str:
    """One line: how bad, where, which signal, in which state."""
    about = f"{alert.endpoint} · {alert.signal}"
    if alert.resolved:
        return line(f"Resolved: {about}")
    still = " still" if alert.repeated else ""
    state = f"{still} cannot be judged" if alert.state == "unknown" else f" is{still} {alert.state}"
    return line(f"{alert.severity.capitalize()}: {about}{state}")


def facts(alert: Alert) -> dict[str, str]:
    """What, since when, value beside threshold, normal range, cause, advice, endpoint, version, owner; empty ones left out."""
    told = {
        "What": alert.what if clean(alert.what).strip() else headline(alert),
        "Since": moment(alert.since) if alert.since is not None else "",
        "Until": moment(alert.at) if alert.resolved else "",
        "Value": _value(alert),
        "Normal": " to ".join(f"{bound:.4g}" for bound in alert.normal or ()),
        "Cause": f"probably {CAUSES[alert.cause]}" if alert.cause is not None else "",
        "Advice": alert.advice,
        "Endpoint": alert.endpoint,
        "Version": alert.version,
        "Owner": alert.owner or "",
        "Recipe": alert.recipe,
        "Rule": alert.rule,
    }
    cleaned = {name: clean(value).strip() for name, value in told.items()}
    return {name: value for name, value in cleaned.items() if value}


def findings(alert: Alert) -> list[str]:
    """What shows it, one line a finding."""
    told = [
        line(finding.message or f"{finding.column or 'all columns'}: {finding.statistic} {finding.drift_score:.4g}")
        for finding in alert.findings[:TOLD_FINDINGS]
    ]
    left = len(alert.findings) - len(told)
    return [*told, f"and {left} more"] if left else told


def identity(alert: Alert) -> str:
    """What an alert, its repetitions and its end have in common, and no other alert has."""
    return f"mlconfig/{alert.endpoint}/{alert.rule or alert.signal}/{alert.episode or alert.version}"


def moment(seconds: float) -> str:
    """A time as people read it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def clean(text: str) -> str:
    """Without control characters, which mail servers and chats refuse; line breaks and tabs stay."""
    return "".join(each for each in text if each in "\n\t" or unicodedata.category(each) != "Cc")


def line(text: str) -> str:
    """A text in one line."""
    return " ".join(clean(text).split())


def cut(text: str, limit: int) -> str:
    """A text of at most ``limit`` characters."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _value(alert: Alert) -> str:
    if alert.value is None:
        return ""
    threshold = f" (threshold {alert.threshold:.4g})" if alert.threshold is not None else ""
    return f"{alert.value:.4g}{threshold}"
