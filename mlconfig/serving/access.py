"""The door: what every request passes before its body is read, whether it came over HTTP or gRPC."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from mlconfig.contracts.authenticator import REALM, Caller, Guard
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.sections.serving import RateLimit
from mlconfig.serving.rate_limit import Limiter


class Access:
    """Lets callers in by what they may.

    Args:
        guard: knows callers; null lets everybody do everything (``serving.auth: none``).
        limit: how often each key may ask.
        clock: seconds since 1970.
    """

    def __init__(
        self, guard: Guard | None = None, limit: RateLimit | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.guard, self._clock = guard, clock
        self._limiter = Limiter(limit) if limit is not None and not limit.open else None

    def admit(self, scope: str | None, headers: Mapping[bytes, bytes]) -> Caller | None:
        """Who asks; null where nobody has to say so.

        Args:
            scope: what a key must allow, as ``Operation.scope`` has it; null for anybody.
            headers: names in small letters; gRPC's metadata likewise.

        Raises:
            RequestRefusedError: 401, 403, 429, or 503 while the guard cannot know anybody yet.
        """
        if scope is None or self.guard is None:
            return None
        now = self._clock()
        caller = self.guard.admit(headers, now)
        if scope not in caller.scopes:
            challenge = f'{REALM}, error="insufficient_scope", scope="{scope}"'
            raise RequestRefusedError(
                403,
                f"the credential lacks the scope `{scope}`",
                "authorization",
                "use one that has it",
                challenge=challenge,
            )
        if self._limiter is not None:
            self._limiter.take(caller.key, now)
        return caller
