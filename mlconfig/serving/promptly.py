"""A time limit that costs nothing where there is nothing to wait for.

Most bodies have come whole before they are asked for, and ``asyncio.timeout`` costs as much as decoding one.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Generator
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, awaited: Awaitable[T]) -> T:
    """The result. Raises TimeoutError when it takes longer; the time begins with the first wait."""
    steps = awaited.__await__()
    try:
        waits_for = next(steps)
    except StopIteration as done:
        result: T = done.value
        return result
    async with asyncio.timeout(seconds):
        return await _resumed(steps, waits_for)


@types.coroutine
def _resumed(steps: Generator[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """Go on with what began already and waits: the loop is told what for, and what it says is handed on."""
    while True:
        try:
            said = yield waits_for
        except BaseException as error:  # noqa: BLE001 — a cancellation above all: it is the other side's to answer
            step = partial(steps.throw, error)
        else:
            step = partial(steps.send, said)
        try:
            waits_for = step()
        except StopIteration as done:
            result: T = done.value
            return result
