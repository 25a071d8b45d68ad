"""Reading a request's body within bounds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from mlconfig.serving.refusal import RequestRefusedError

MAX_BODY = 1 << 20

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ClientGoneError(Exception):
    """The client hung up before its request was whole."""


def check_headers(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Refuse compressed bodies, other types than JSON, and announced lengths beyond the cap.

    A browser may send text from any page without asking, but JSON only with the server's leave (CORS), so the type is
    what keeps strangers' pages from posting labels.
    """
    given = {name.lower(): value for name, value in headers}
    if given.get(b"content-encoding", b"identity").lower() not in (b"", b"identity"):
        raise RequestRefusedError(415, "compressed bodies are not taken", "content-encoding", "send plain JSON")
    kind = given.get(b"content-type", b"").split(b";")[0].strip().lower()
    if not (kind == b"application/json" or (not kind and b"origin" not in given)):
        raise RequestRefusedError(415, "the body must be JSON", "content-type", "send `Content-Type: application/json`")
    length = given.get(b"content-length", b"0")
    if not length.isdigit():
        raise RequestRefusedError(400, "the length is no number", "content-length")
    if len(length) > 18 or int(length) > MAX_BODY:
        raise _too_large()


async def read_body(receive: Receive) -> bytes:
    """The whole body. Raises RequestRefusedError (413) as soon as it is too large, ClientGoneError when it never comes."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > MAX_BODY:
            raise _too_large()
        return body
    parts, size = [], 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            raise _too_large()
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()


def _too_large() -> RequestRefusedError:
    return RequestRefusedError(413, f"the body is larger than {MAX_BODY} bytes", "body", "send fewer rows at a time")
