"""Reading a request's body within bounds."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any

from mlconfig.contracts.protocol import JSON
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.sections.serving import Limits
from mlconfig.serving.promptly import within

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


HANG_UP = (b"connection", b"close")
"""A header for a response that may be sent before the body is whole: the rest of it is not waited for."""


class ClientGoneError(Exception):
    """The client hung up before its request was whole."""


def headers_of(given: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The headers by name in small letters; of those that are there twice the last."""
    return {name.lower(): value for name, value in given}


def media_of(headers: Mapping[bytes, bytes], accepted: Sequence[bytes]) -> bytes:
    """The type of a body, once it is one that is taken; refuses compressed bodies.

    A browser may send text from any page without asking, but JSON only with the server's leave (CORS), so the type is
    what keeps strangers' pages from posting labels. Who sends no type, and no origin as browsers do, sends JSON.
    """
    if headers.get(b"content-encoding", b"identity").lower() not in (b"", b"identity"):
        raise RequestRefusedError(415, "compressed bodies are not taken", "content-encoding", "send it plain")
    media = headers.get(b"content-type", b"")
    if media in accepted:
        return media
    media = media.split(b";")[0].strip().lower()
    if not media and b"origin" not in headers and JSON in accepted:
        return JSON
    if media not in accepted:
        taken = ", ".join(each.decode() for each in accepted)
        raise RequestRefusedError(415, "the body is of a type that is not taken", "content-type", f"send {taken}")
    return media


def check_length(headers: Mapping[bytes, bytes], most: int) -> None:
    """Refuses an announced length beyond the cap, or one that is no number."""
    length = headers.get(b"content-length", b"0")
    if not length.isdigit():
        raise RequestRefusedError(400, "the length is no number", "content-length")
    if len(length) > 18 or int(length) > most:
        raise too_large(most)


async def read_body(receive: Receive, limits: Limits) -> bytes:
    """The whole body. Raises RequestRefusedError: 413 as soon as it is too large, 408 when it takes too long; ClientGoneError
    when it never comes.
    """
    try:
        return await within(limits.receive.total_seconds(), _read(receive, limits.body))
    except TimeoutError:
        raise _too_slow(limits) from None


async def _read(receive: Receive, most: int) -> bytes:
    body, more = await _part(receive)
    parts, size = [body], len(body)
    while more and size <= most:
        part, more = await _part(receive)
        size += len(part)
        parts.append(part)
    if size > most:
        raise too_large(most)
    return body if len(parts) == 1 else b"".join(parts)


async def _part(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    return message.get("body", b""), message.get("more_body", False)


async def read_lines(receive: Receive, limits: Limits) -> AsyncGenerator[list[bytes], None]:
    """The lines of a body as they come, empty ones left out; several at a time where they came together.

    The cap holds for a line, the deadline for the time until the next line is whole, however many parts it comes in. Raises as
    ``read_body`` does.
    """
    rest, more, patience = b"", True, limits.receive.total_seconds()
    left = patience
    while more:
        began = time.monotonic()
        try:
            part, more = await within(max(left, 0.0), _part(receive))
        except TimeoutError:
            raise _too_slow(limits) from None
        left -= time.monotonic() - began
        *lines, rest = (rest + part).split(b"\n")
        if not more:
            lines.append(rest)
        if len(rest) > limits.body or any(len(line) > limits.body for line in lines):
            raise too_large(limits.body)
        whole = [line for line in lines if line.strip()]
        if whole:
            yield whole
            left = patience


def too_large(most: int) -> RequestRefusedError:
    """413."""
    return RequestRefusedError(413, f"the body is larger than {most} bytes", "body", "send fewer rows at a time")


def _too_slow(limits: Limits) -> RequestRefusedError:
    seconds = limits.receive.total_seconds()
    return RequestRefusedError(408, f"the body did not come within {seconds:g} s", "body", "send it without a pause")
