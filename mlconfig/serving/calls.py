"""The endpoint's gRPC methods over the same data plane as HTTP. Knows no gRPC: bodies are messages, a status is a name.

https://grpc.io/docs/guides/status-codes/
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mlconfig.contracts.protocol import GRPC, Operation, WireReply, WireRequest
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.errors import ServingError
from mlconfig.serving.body import headers_of, too_large
from mlconfig.serving.service import Service

logger = logging.getLogger(__name__)

_CODES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 408: "DEADLINE_EXCEEDED",
    413: "RESOURCE_EXHAUSTED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}  # fmt: skip


class CallReply(NamedTuple):
    """A message, or a status by gRPC's name with what is wrong. ``trailing``: metadata beside it."""

    body: bytes
    code: str = "OK"
    details: str = ""
    trailing: tuple[tuple[str, str], ...] = ()


class Calls:
    """Answers the methods that one endpoint's protocols declare. Raises ServingError when two have one name.

    ``paths``: ``/package.Service/Method`` by the method's name.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._methods: dict[str, tuple[str, Operation]] = {}
        for owner, protocol in service.protocols.items():
            for operation in protocol.calls():
                method = operation.path.rpartition("/")[2]
                if method in self._methods:
                    claimed = f"`{self._methods[method][0]}` and `{owner}` both have a method {method}"
                    raise ServingError(claimed, "serving.protocols", "name one of them")
                self._methods[method] = owner, operation
        self.paths = {method: operation.path for method, (_, operation) in self._methods.items()}

    async def answer(self, method: str, body: bytes, metadata: Sequence[tuple[str, str | bytes]] = ()) -> CallReply:
        """Answer one call; counted as HTTP's are. Never raises but for a call that is cancelled."""
        start = time.perf_counter()
        owner, operation = self._methods[method]
        try:
            reply = await self._respond(owner, operation, body, _headers(metadata))
            status, answer = 200, CallReply(reply.body)
        except RequestRefusedError as problem:
            status, answer = problem.status, _refused(problem)
        except Exception:  # the last line: a bug is answered too, without its traceback
            logger.exception("a call failed")
            status, answer = 500, CallReply(b"", _CODES[500], "the server failed on this request")
        self._service.counters.count(operation.counted_as, status, time.perf_counter() - start)
        return answer

    async def _respond(
        self, owner: str, operation: Operation, body: bytes, headers: Mapping[bytes, bytes]
    ) -> WireReply:
        self._service.access.admit(operation.scope, headers)
        most = self._service.settings.limits.body
        if len(body) > most:
            raise too_large(most)
        request = WireRequest(operation.name, body, GRPC, headers)
        if operation.does == "predict":
            return await self._service.predict(owner, request, self._service.name_of(headers))
        return self._service.tell(owner, request)


def _headers(metadata: Sequence[tuple[str, str | bytes]]) -> dict[bytes, bytes]:
    """A call's metadata are HTTP/2's headers."""
    return headers_of(
        (name.encode(), value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape"))
        for name, value in metadata
    )


def _refused(problem: RequestRefusedError) -> CallReply:
    code = _CODES.get(problem.status, "INTERNAL" if problem.status >= 500 else "INVALID_ARGUMENT")
    trailing = (("retry-after", str(problem.retry_after or "")), ("www-authenticate", problem.challenge))
    told = tuple((name, value) for name, value in trailing if value)
    return CallReply(b"", code, str(problem).replace("\n  hint:", ";"), told)
