"""Bodies of lines: how long one may take to come, and what many of them leave to others."""

import asyncio
import json
import time

import pytest

from mlconfig.sections.serving import Batching, Limits, Serving
from mlconfig.serving.app import App

ROW = {"age": 30, "hours-per-week": 40.5, "plan": "pro"}
LINE = json.dumps(ROW).encode() + b"\n"
PATH = "/v1/churn/predict"


async def ask(app, parts, media=b"application/x-ndjson"):
    """One request whose body comes as ``parts`` gives it; its status, headers, body and seconds."""
    said, began = [], time.monotonic()

    async def receive():
        part = await anext(parts, None)
        return {"type": "http.request", "body": part or b"", "more_body": part is not None}

    async def send(message):
        said.append(message)

    scope = {"type": "http", "method": "POST", "path": PATH, "headers": [(b"content-type", media)]}
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in said)
    return said[0]["status"], dict(said[0]["headers"]), body, time.monotonic() - began


async def slowly(parts, pause):
    for part in parts:
        await asyncio.sleep(pause)
        yield part


@pytest.mark.parametrize("drop", [b" ", b"\n"], ids=["within a line", "empty lines"])
def test_a_line_that_comes_drop_by_drop_is_given_up(make_service, drop):
    app = App(make_service(settings=Serving(limits=Limits(receive="0.2s"))))
    status, headers, _, took = asyncio.run(ask(app, slowly([drop] * 100, 0.02)))
    assert status == 408
    assert headers[b"connection"] == b"close", "what still drips is not waited for"
    assert took < 1.0


def test_a_conversation_may_take_longer_than_one_line(make_service):
    app = App(make_service(settings=Serving(limits=Limits(receive="0.2s"))))
    status, _, body, took = asyncio.run(ask(app, slowly([LINE] * 8, 0.05)))
    assert (status, body.count(b"prediction_id")) == (200, 8)
    assert took > 0.2


def test_many_conversations_leave_room_for_single_requests(make_service):
    """Each of them has far more lines than may wait; none is refused, and others are answered meanwhile."""
    app = App(make_service(settings=Serving(batching=Batching(max_rows=8, max_queue=40))))

    async def all_of_them():
        streams = [asyncio.create_task(ask(app, slowly([LINE * 200], 0.0))) for _ in range(10)]
        await asyncio.sleep(0)
        singles = []
        while not any(stream.done() for stream in streams):
            singles.append(await ask(app, slowly([LINE], 0.0), b"application/json"))
        return [await stream for stream in streams], singles

    streams, singles = asyncio.run(all_of_them())
    assert [(status, body.count(b"prediction_id")) for status, _, body, _ in streams] == [(200, 200)] * 10
    assert len(singles) >= 20
    assert {status for status, *_ in singles} == {200}
