"""Alerts as signed HTTP posts."""

from __future__ import annotations

import hashlib
import hmac
from typing import ClassVar

from pydantic import Field

from mlconfig.builtin.http_post import Address, Patience, post
from mlconfig.contracts.sink import Sink, SinkTags
from mlconfig.records.verdict import Alert

SIGNATURE = "X-Mlconfig-Signature"
"""``sha256=`` and the hexadecimal HMAC-SHA256 of the body under the shared secret."""

DELIVERY = "X-Mlconfig-Delivery"
"""The body's sha256: the same for a repeated delivery, so that a receiver can drop it."""


class Webhook(Sink):
    """Posts the alert as JSON, as `records.verdict.Alert` has it; raises ``PluginError`` when no try was accepted."""

    class Params(Patience):
        """Where to, and how patiently."""

        url: Address = Field(description="http or https address.")
        secret: str | None = Field(None, min_length=1, description='Signs the body: "${secret:OPS_HOOK}".')

    params: Webhook.Params
    tags: ClassVar[SinkTags] = SinkTags(remote=True)

    def send(self, alert: Alert) -> None:
        """Deliver, or raise."""
        body = alert.model_dump_json().encode()
        headers = {DELIVERY: hashlib.sha256(body).hexdigest()}
        if self.params.secret is not None:
            digest = hmac.new(self.params.secret.encode(), body, hashlib.sha256).hexdigest()
            headers[SIGNATURE] = f"sha256={digest}"
        post("webhook", self.params.url, body, self.params, headers)
