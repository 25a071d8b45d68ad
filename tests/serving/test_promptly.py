"""A time limit without cost, and with all that a time limit has to do."""

import asyncio

import pytest

from mlconfig.serving.promptly import within


def test_what_need_not_wait_is_there_without_a_timer(monkeypatch):
    async def at_once():
        return 7

    async def run():
        monkeypatch.setattr(asyncio, "timeout", None)
        return await within(1.0, at_once())

    assert asyncio.run(run()) == 7


def test_what_waits_goes_on_where_it_was():
    async def in_steps():
        said = []
        for number in range(3):
            await asyncio.sleep(0.001)
            said.append(number)
        return said

    assert asyncio.run(within(5.0, in_steps())) == [0, 1, 2]


def test_what_takes_too_long_is_told_and_may_tidy_up():
    tidied = []

    async def for_ever():
        try:
            await asyncio.Event().wait()
        finally:
            tidied.append(True)

    async def run():
        with pytest.raises(TimeoutError):
            await within(0.01, for_ever())

    asyncio.run(run())
    assert tidied == [True]


def test_an_error_comes_through_before_and_after_the_first_wait():
    async def at_once():
        raise KeyError("early")

    async def later():
        await asyncio.sleep(0)
        raise KeyError("late")

    for asked in (at_once, later):
        with pytest.raises(KeyError):
            asyncio.run(within(1.0, asked()))


def test_who_is_cancelled_is_cancelled():
    async def run():
        task = asyncio.ensure_future(within(5.0, asyncio.Event().wait()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
