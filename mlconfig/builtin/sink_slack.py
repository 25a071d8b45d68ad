"""Alerts in a Slack channel, through an incoming webhook.

Formats: https://api.slack.com/messaging/webhooks, https://api.slack.com/reference/block-kit/blocks,
https://api.slack.com/reference/surfaces/formatting#escaping.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import Field

from mlconfig.builtin.alert_text import clean, cut, facts, findings, headline
from mlconfig.builtin.http_post import Address, Patience, json_body, post
from mlconfig.contracts.sink import Sink, SinkTags
from mlconfig.records.verdict import Alert

HEADER, SECTION, FIELD, FIELDS = 150, 3000, 2000, 10
"""Slack's limits: characters of a header, a section and a field, and fields in a section."""

_ICONS = {"info": ":information_source:", "warning": ":warning:", "critical": ":rotating_light:"}
_LONG = ("What", "Advice")


class Slack(Sink):
    """Posts a message of blocks; raises ``PluginError`` when no try was accepted.

    Nothing in an alert's text is taken for markup that addresses people: ``&``, ``<`` and ``>`` are escaped.
    """

    class Params(Patience):
        """Where to, and how patiently."""

        url: Address = Field(description='The incoming webhook\'s address, a secret: "${secret:SLACK_HOOK}".')

    params: Slack.Params
    tags: ClassVar[SinkTags] = SinkTags(remote=True)

    def send(self, alert: Alert) -> None:
        """Deliver, or raise."""
        post("slack", self.params.url, json_body(message(alert)), self.params)


def message(alert: Alert) -> dict[str, Any]:
    """The message; ``text`` is what a notification shows."""
    icon = ":white_check_mark:" if alert.resolved else _ICONS[alert.severity]
    told = facts(alert)
    short = [_markdown(f"*{name}*\n", value, FIELD) for name, value in told.items() if name not in _LONG]
    header = {"type": "plain_text", "text": cut(f"{icon} {headline(alert)}", HEADER), "emoji": True}
    blocks: list[dict[str, Any]] = [{"type": "header", "text": header}, _section("", told["What"])]
    blocks += [{"type": "section", "fields": short[begin : begin + FIELDS]} for begin in range(0, len(short), FIELDS)]
    if len(alert.findings) > 1:
        blocks.append(_section("*Findings*\n", "\n".join(f"• {each}" for each in findings(alert))))
    if "Advice" in told:
        blocks.append(_section("*What to do*\n", told["Advice"]))
    return {"text": escape(cut(headline(alert), SECTION)), "blocks": blocks}


def escape(text: str) -> str:
    """A text of which nothing is markup that Slack acts on."""
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _section(lead: str, text: str) -> dict[str, Any]:
    return {"type": "section", "text": _markdown(lead, text, SECTION)}


def _markdown(lead: str, text: str, limit: int) -> dict[str, Any]:
    """``lead`` is ours and marks up; ``text`` is escaped, and cut so that no escape is cut in two."""
    escaped, room = escape(text), limit - len(lead)
    if len(escaped) > room:
        escaped = re.sub(r"&[a-z]*$", "", escaped[: room - 1]) + "…"
    return {"type": "mrkdwn", "text": lead + escaped, "verbatim": True}
