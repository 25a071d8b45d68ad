"""What is answered when a request cannot be: a status and an error that says what, where and what to do."""

from __future__ import annotations

import msgspec

from mlconfig.errors import ServingError


class RequestRefusedError(ServingError):
    """A request that is refused. ``where`` names a field and never holds a value that the client sent.

    Args:
        status: the HTTP status.
        what, where, hint: as in every error.
        retry_after: seconds for the header ``Retry-After``; 0 for none.
        challenge: for the header ``WWW-Authenticate``, which a 401 must have; empty for none.
    """

    def __init__(
        self, status: int, what: str, where: str = "", hint: str = "", retry_after: int = 0, challenge: str = ""
    ) -> None:
        Exception.__init__(self, status, what, where, hint, retry_after, challenge)
        self.status, self.what, self.where, self.hint, self.retry_after = status, what, where, hint, retry_after
        self.challenge = challenge

    def body(self) -> bytes:
        """``{"error": {"what": …, "where": …, "hint": …}}``, empty parts left out."""
        parts = {"what": self.what, "where": self.where, "hint": self.hint}
        return msgspec.json.encode({"error": {name: text for name, text in parts.items() if text}})


def not_ready() -> RequestRefusedError:
    """No version is loaded yet."""
    return RequestRefusedError(503, "no version is loaded yet", hint="try again shortly; /readyz tells", retry_after=1)
