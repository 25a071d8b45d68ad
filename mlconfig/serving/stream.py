"""Lines in, lines out: each line is answered by one of its own, in order, while later ones are still to come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from itertools import count, repeat

from mlconfig.contracts.protocol import WireRequest
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.serving.body import HANG_UP, Receive, Send, read_lines
from mlconfig.serving.routes import Route
from mlconfig.serving.service import Service


async def answer_lines(
    service: Service, route: Route, media: bytes, receive: Receive, send: Send, name: bytes | None = None
) -> None:
    """Answer a body of lines. A line that is refused is answered by its error, and the others go on. With the ``name`` of the
    request a line is named by its place in it.

    What comes together shares calls of the model. Before the first line is read nothing is sent, so what is wrong from the
    start has its own status; later on the error is the last line.
    """
    service.require_state()
    begun, names = False, _names(name)
    async with aclosing(read_lines(receive, service.settings.limits)) as parts:
        try:
            async for lines in parts:
                body = await _answer(service, route, media, lines, names)
                if not begun:
                    headers = [(b"content-type", media), HANG_UP]
                    await send({"type": "http.response.start", "status": 200, "headers": headers})
                    begun = True
                await send({"type": "http.response.body", "body": body, "more_body": True})
        except RequestRefusedError as problem:
            if not begun:
                raise
            await send({"type": "http.response.body", "body": problem.body() + b"\n", "more_body": True})
    if not begun:
        raise RequestRefusedError(422, "the body has no line", "body", "send a row a line")
    await send({"type": "http.response.body", "body": b""})


def _names(name: bytes | None) -> Iterator[bytes | None]:
    """A name for each line."""
    return repeat(None) if name is None else (b"%b-%x" % (name, place) for place in count(1))


async def _answer(
    service: Service, route: Route, media: bytes, lines: list[bytes], names: Iterator[bytes | None]
) -> bytes:
    """The answers of lines that came together. One conversation after the other hands in what fits into one call of the
    model, so that a single request waits for one of them and not for all.
    """
    most, answered = service.settings.batching.max_rows, []
    for first in range(0, len(lines), most):
        async with service.turn:
            asked = [
                service.predict(route.owner, WireRequest(route.operation.name, line, media), name)
                for line, name in zip(lines[first : first + most], names, strict=False)
            ]
            replies = await asyncio.gather(*asked, return_exceptions=True)
        for reply in replies:
            if isinstance(reply, RequestRefusedError):
                answered.append(reply.body())
            elif isinstance(reply, BaseException):
                raise reply
            else:
                answered.append(reply.body)
    return b"\n".join(answered) + b"\n"
