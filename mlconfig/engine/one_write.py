"""A response's head and body in one write to the socket, not in two.

Between two writes a replica can be killed: then HAProxy has passed the head on, and can ask no other replica any more. It
also spares a system call here and a wake-up there. An ASGI server is told of head and body one after the other; so the head
is held back until the body comes, and uvicorn's transport is given both at once. A response that is whole and has nothing
uncommon about it is put together here, in fewer steps.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

_WITHOUT_BODY = (204, 304)
_OF_CONNECTION = (b"connection", b"transfer-encoding")


class _Joined:
    """In place of a transport: keeps what is written until ``flush``."""

    def __init__(self, transport: Any) -> None:
        self._transport, self._parts = transport, list[bytes]()

    def write(self, data: bytes) -> None:
        self._parts.append(data)

    def flush(self) -> None:
        if self._parts:
            self._transport.write(b"".join(self._parts))
            self._parts = []

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def head_of(status: int, headers: Sequence[tuple[bytes, bytes]], before: bytes = b"") -> bytes | None:
    """A response's head, up to its body; null where a header would be more than one. ``before``: lines of other headers."""
    lines = lines_of(headers)
    return b"%b%b%b\r\n" % (STATUS_LINE[status], before, lines) if lines is not None else None


def lines_of(headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
    """Headers as they are sent; null where one would be more than one."""
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    return lines if lines.count(b"\n") == len(headers) else None


def in_one_write(send: Send) -> Send:
    """A ``send`` that joins the head of a response with the first part of its body.

    Where ``send`` is not uvicorn's own, which holds its transport, it does without.
    """
    cycle = getattr(send, "__self__", None)
    if not hasattr(cycle, "transport"):
        return send
    return _Sender(cycle, send)


class _Sender:
    def __init__(self, cycle: Any, send: Send) -> None:
        self._cycle, self._send = cycle, send
        self._head: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
            return
        head, self._head = self._head, None
        if head is None:
            await self._send(message)
            return
        if not message.get("more_body") and self._is_common(head) and self._write(head, message.get("body", b"")):
            return
        transport = self._cycle.transport
        self._cycle.transport = joined = _Joined(transport)
        try:
            await self._send(head)
            await self._send(message)
        finally:
            self._cycle.transport = transport
            joined.flush()

    def _is_common(self, head: Message) -> bool:
        """Whether the response is of known length to a client that listens and stays."""
        cycle = self._cycle
        return (
            cycle.__class__ is RequestResponseCycle
            and cycle.keep_alive
            and not (cycle.disconnected or cycle.response_started or cycle.flow.write_paused or cycle.access_log)
            and cycle.scope["method"] == "POST"
            and head["status"] not in _WITHOUT_BODY
        )

    def _write(self, message: Message, body: bytes) -> bool:
        """Do in one step what ``RequestResponseCycle.send`` does in two; False where it is to check for itself."""
        cycle = self._cycle
        headers = [*cycle.default_headers, *message["headers"]]
        head = head_of(message["status"], headers)
        is_whole = (b"content-length", b"%d" % len(body)) in headers
        if head is None or not is_whole or any(name in _OF_CONNECTION for name, _ in headers):
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.transport.write(head + body)
        cycle.message_event.set()
        cycle.on_response()
        return True
