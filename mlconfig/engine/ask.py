"""Asks an endpoint over HTTP, without importing more than the standard library has."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from mlconfig.errors import ServingError

TIMEOUT_S = 5.0


def get_json(url: str, timeout: float = TIMEOUT_S) -> dict[str, Any]:
    """The JSON object at a URL. Raises ``ServingError`` when nobody answers, or something else does."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as reply:  # noqa: S310 — our own endpoint's URL, always http
            tree = json.load(reply)
    except urllib.error.HTTPError as error:
        raise ServingError(f"answers {error.code}", where=url) from None
    except (OSError, ValueError) as error:
        raise ServingError(f"does not answer: {error}", where=url, hint="`mlconfig status` shows what runs") from None
    if not isinstance(tree, dict):
        raise ServingError("answers something that is not ours", where=url)
    return tree


def answers(url: str) -> bool:
    """Whether an endpoint of ours answers there."""
    try:
        return "endpoint" in get_json(url)
    except ServingError:
        return False
