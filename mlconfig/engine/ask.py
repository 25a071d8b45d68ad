"""Asks an endpoint over HTTP, without importing more than the standard library has."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

from mlconfig.errors import ServingError

TIMEOUT_S = 5.0


def get_json(url: str, timeout: float = TIMEOUT_S) -> dict[str, Any]:
    """The JSON object at a URL. Raises ``ServingError`` when nobody answers, or something else does."""
    try:
        with urllib.request.urlopen(url, timeout=timeout, context=_context(url)) as reply:  # noqa: S310 — our own endpoint's URL, always http or https
            tree = json.load(reply)
    except urllib.error.HTTPError as error:
        raise ServingError(f"answers {error.code}", where=url) from None
    except (OSError, ValueError) as error:
        raise ServingError(f"does not answer: {error}", where=url, hint="`mlconfig status` shows what runs") from None
    if not isinstance(tree, dict):
        raise ServingError("answers something that is not ours", where=url)
    return tree


def _context(url: str) -> ssl.SSLContext | None:
    """Our own endpoint is asked at this machine's address, which its certificate does not name, and for nothing secret."""
    if not url.startswith("https:"):
        return None
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def answers(url: str) -> bool:
    """Whether an endpoint of ours answers there and has a version; asked where nobody needs a key."""
    try:
        return get_json(f"{url}/readyz").get("status") == "ready"
    except ServingError:
        return False
