"""Alerts as PagerDuty events, which open, update and close one incident an episode.

Format: Events API v2, https://developer.pagerduty.com/docs/send-alert-event.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import Field

from mlconfig.builtin.alert_text import cut, facts, findings, headline, identity
from mlconfig.builtin.http_post import Address, Patience, json_body, post
from mlconfig.contracts.sink import Sink, SinkTags
from mlconfig.records.verdict import Alert

ENQUEUE = "https://events.pagerduty.com/v2/enqueue"
SUMMARY, KEY, DETAIL = 1024, 255, 4000
"""Characters: PagerDuty's limits of a summary and of a key, and ours of a detail (an event has 512 kB)."""


class PagerDuty(Sink):
    """Triggers an incident, and resolves it at the alert's end; raises ``PluginError`` when no try was accepted.

    Severities have PagerDuty's names as they are: info, warning, critical.
    """

    class Params(Patience):
        """Which service, and how patiently."""

        routing_key: str = Field(min_length=1, description='The integration key, a secret: "${secret:PAGERDUTY_KEY}".')
        url: Address = Field(ENQUEUE, description="Another region's address, or a proxy's.")

    params: PagerDuty.Params
    tags: ClassVar[SinkTags] = SinkTags(remote=True)

    def send(self, alert: Alert) -> None:
        """Deliver, or raise."""
        post("pagerduty", self.params.url, json_body(event(alert, self.params.routing_key)), self.params)


def event(alert: Alert, routing_key: str) -> dict[str, Any]:
    """The event; its key is the same for an alert, its repetitions and its end."""
    known = {"routing_key": routing_key, "dedup_key": cut(identity(alert), KEY)}
    action = "resolve" if alert.resolved else "trigger"
    return {**known, "event_action": action, "client": "mlconfig", "payload": _payload(alert)}


def _payload(alert: Alert) -> dict[str, Any]:
    details: dict[str, Any] = {name.lower(): cut(value, DETAIL) for name, value in facts(alert).items()}
    told = [cut(each, DETAIL) for each in findings(alert)]
    return {
        "summary": cut(headline(alert), SUMMARY),
        "source": alert.endpoint,
        "severity": alert.severity,
        "timestamp": datetime.fromtimestamp(alert.at, UTC).isoformat(timespec="milliseconds"),
        "component": alert.signal,
        "group": alert.recipe,
        "class": alert.rule or alert.signal,
        "custom_details": {**details, "findings": told} if told else details,
    }
