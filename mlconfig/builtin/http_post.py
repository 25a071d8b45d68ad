"""One HTTP post that is tried again while that may help: what the sinks that speak HTTP share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field

from mlconfig.errors import PluginError
from mlconfig.vocabulary import Duration, Frozen

if TYPE_CHECKING:
    import httpx

Address = Annotated[str, Field(pattern=r"^(https?://|\$\{secret:)")]
"""An http or https address, or the secret that holds one."""


class Patience(Frozen):
    """How patiently it is posted."""

    timeout: Annotated[Duration, Field(gt=timedelta(0))] = Field(timedelta(seconds=10), description="Of one try.")
    tries: int = Field(3, ge=1, le=20, description="At most so many, before it is left to a later time.")
    backoff: Duration = Field(timedelta(seconds=1), description="Before the second try; doubled before each next.")


def post(sink: str, url: str, body: bytes, patience: Patience, headers: Mapping[str, str] | None = None) -> None:
    """Post JSON; try again on a lost connection, 429 and 5xx.

    Args:
        sink: the plugin's name, for errors. The address never stands in one, because it often is a secret itself.
        url: where to.
        body: the JSON text.
        patience: how often, and how long.
        headers: besides the content's type.

    Raises:
        PluginError: no try was accepted.
    """
    import httpx
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

    def once(client: httpx.Client) -> None:
        client.post(
            url, content=body, headers={"Content-Type": "application/json", **(headers or {})}
        ).raise_for_status()

    retrying = Retrying(
        stop=stop_after_attempt(patience.tries),
        wait=wait_exponential(multiplier=patience.backoff.total_seconds(), max=60),
        retry=retry_if_exception(_may_pass),
        reraise=True,
    )
    try:
        with httpx.Client(timeout=patience.timeout.total_seconds()) as client:
            retrying(once, client)
    except httpx.HTTPStatusError as error:
        raise _refused(sink, url, f"answered {error.response.status_code}") from None
    except httpx.HTTPError as error:
        raise _refused(sink, url, f"could not be reached ({type(error).__name__})") from None
    except (httpx.InvalidURL, ValueError):
        raise PluginError("the address is no http or https address", f"sink `{sink}`", "see its secret") from None


def json_body(tree: Any) -> bytes:
    """A JSON text as it is posted."""
    import json

    return json.dumps(tree, ensure_ascii=False, allow_nan=False).encode()


def _refused(sink: str, url: str, what: str) -> PluginError:
    host = urlsplit(url).hostname or "its host"
    return PluginError(f"{host} {what}", where=f"sink `{sink}`")


def _may_pass(error: BaseException) -> bool:
    """Whether another try may help."""
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code == 429 or error.response.status_code >= 500
    return isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol)
