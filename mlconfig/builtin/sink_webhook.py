"""Alerts as signed HTTP posts."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import Field

from mlconfig.contracts.sink import Sink, SinkTags
from mlconfig.errors import PluginError
from mlconfig.records.verdict import Alert
from mlconfig.vocabulary import Duration, Frozen

if TYPE_CHECKING:
    import httpx

SIGNATURE = "X-Mlconfig-Signature"
"""``sha256=`` and the hexadecimal HMAC-SHA256 of the body under the shared secret."""

DELIVERY = "X-Mlconfig-Delivery"
"""The body's sha256: the same for a repeated delivery, so that a receiver can drop it."""


class Webhook(Sink):
    """Posts the alert as JSON; tries again on a lost connection, 429 and 5xx; raises ``PluginError`` when none was accepted.

    The address never stands in an error, because it often is a secret itself.
    """

    class Params(Frozen):
        """Where to, and how patiently."""

        url: str = Field(pattern=r"^(https?://|\$\{secret:)", description="http or https address.")
        secret: str | None = Field(None, min_length=1, description='Signs the body: "${secret:OPS_HOOK}".')
        timeout: Annotated[Duration, Field(gt=timedelta(0))] = Field(timedelta(seconds=10), description="Of one try.")
        tries: int = Field(3, ge=1, le=20, description="At most so many.")
        backoff: Duration = Field(timedelta(seconds=1), description="Before the second try; doubled before each next.")

    params: Webhook.Params
    tags: ClassVar[SinkTags] = SinkTags(remote=True)

    def send(self, alert: Alert) -> None:
        """Deliver, or raise."""
        import httpx
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

        body = alert.model_dump_json().encode()
        retrying = Retrying(
            stop=stop_after_attempt(self.params.tries),
            wait=wait_exponential(multiplier=self.params.backoff.total_seconds(), max=60),
            retry=retry_if_exception(_may_pass),
            reraise=True,
        )
        try:
            with httpx.Client(timeout=self.params.timeout.total_seconds()) as client:
                retrying(self._post, client, body)
        except httpx.HTTPStatusError as error:
            raise self._refused(f"answered {error.response.status_code}") from None
        except httpx.HTTPError as error:
            raise self._refused(f"could not be reached ({type(error).__name__})") from None

    def _post(self, client: httpx.Client, body: bytes) -> None:
        headers = {"Content-Type": "application/json", DELIVERY: hashlib.sha256(body).hexdigest()}
        if self.params.secret is not None:
            digest = hmac.new(self.params.secret.encode(), body, hashlib.sha256).hexdigest()
            headers[SIGNATURE] = f"sha256={digest}"
        client.post(self.params.url, content=body, headers=headers).raise_for_status()

    def _refused(self, what: str) -> PluginError:
        host = urlsplit(self.params.url).hostname or "its host"
        return PluginError(f"{host} {what}", where="sink `webhook`", hint="the alert is kept and sent again")


def _may_pass(error: BaseException) -> bool:
    """Whether another try may help."""
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code == 429 or error.response.status_code >= 500
    return isinstance(error, httpx.TransportError)
