"""Alerts for a Prometheus Alertmanager, which groups, silences and routes them.

Format: API v2, https://prometheus.io/docs/alerting/latest/alerts_api/.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import Field, field_validator

from mlconfig.builtin.alert_text import facts, headline
from mlconfig.builtin.http_post import Address, Patience, json_body, post
from mlconfig.contracts.sink import Sink, SinkTags
from mlconfig.records.verdict import Alert
from mlconfig.vocabulary import FrozenDict

GRACE_S = 3600.0
"""An alert stands so much longer than until its repetition, which may come late."""

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class Alertmanager(Sink):
    """Posts one alert; raises ``PluginError`` when no try was accepted.

    Alertmanager tells alerts apart by their labels, so what changes while one lasts (version, value, state) is an annotation.
    It forgets what nobody sends again: an alert is posted with its end at the next repetition and an hour, and at its end
    with the end it had.
    """

    class Params(Patience):
        """Which Alertmanager, and how patiently."""

        url: Address = Field(description="Its address without /api: http://127.0.0.1:9093.")
        token: str | None = Field(None, min_length=1, description='Sent as a bearer token: "${secret:AM_TOKEN}".')
        labels: FrozenDict[str] = Field(FrozenDict(), description="More labels to route by: {team: risk}.")

        @field_validator("labels")
        @classmethod
        def _named(cls, labels: FrozenDict[str]) -> FrozenDict[str]:
            for name in labels:
                if not _LABEL.fullmatch(name):
                    raise ValueError(f"`{name}` is no label: letters, digits and _, beginning with no digit")
            return labels

    params: Alertmanager.Params
    tags: ClassVar[SinkTags] = SinkTags(remote=True)

    def send(self, alert: Alert) -> None:
        """Deliver, or raise."""
        url = f"{self.params.url.rstrip('/')}/api/v2/alerts"
        headers = {"Authorization": f"Bearer {self.params.token}"} if self.params.token is not None else {}
        post("alertmanager", url, json_body([posted(alert, self.params.labels)]), self.params, headers)


def posted(alert: Alert, labels: FrozenDict[str]) -> dict[str, Any]:
    """One alert of the API."""
    name = alert.rule or alert.signal
    own = {
        "alertname": name, "severity": alert.severity, "endpoint": alert.endpoint, "signal": alert.signal, "rule": name,
        "recipe": alert.recipe,
    }  # fmt: skip
    told = {key.lower(): value for key, value in facts(alert).items() if key.lower() not in own}
    since = min(alert.since, alert.at) if alert.since is not None else alert.at
    until = alert.at if alert.resolved else None if alert.repeat_at is None else alert.repeat_at + GRACE_S
    times = {"startsAt": _rfc3339(since), **({} if until is None else {"endsAt": _rfc3339(until)})}
    notes = {"summary": headline(alert), "description": told.pop("what", ""), "state": alert.state, **told}
    return {"labels": {**labels, **own}, "annotations": notes, **times}


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
