"""Clients that take their time, or never mean to end, do not harm the others."""

import asyncio
import json
import time
from urllib.parse import urlsplit

import pytest

from tests.faults.conftest import ROUNDS, until

pytestmark = pytest.mark.ray

SLOW = 500 if ROUNDS > 1 else 100
LINES = "application/x-ndjson"


async def drip(url, head, drops):
    """Sends the head and then a byte a second; gives back the status that ends it (0: just closed), and when."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    began = time.monotonic()
    writer.write(head.format(path=parts.path).encode())
    answer = asyncio.ensure_future(reader.read(200))
    try:
        for drop in drops:
            done, _ = await asyncio.wait({answer}, timeout=1.0)
            if done:
                break
            writer.write(drop)
        said = await asyncio.wait_for(answer, 20.0)
    except ConnectionError:
        said = b""
    finally:
        writer.close()
    return int(said.split()[1]) if said else 0, time.monotonic() - began


HEADERS = "POST {path} HTTP/1.1\r\nhost: x\r\nx-a: "
BODY = "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n"
ENDLESS_LINE = f"POST {{path}} HTTP/1.1\r\nhost: x\r\ncontent-type: {LINES}\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(("head", "drop"), [(HEADERS, b"a"), (BODY, b" ")], ids=["headers", "body"])
def test_slow_clients_are_dropped_and_good_ones_go_on(endpoint, loaded, record_property, head, drop):
    async def crowd():
        return await asyncio.gather(*(drip(endpoint.predict_url, head, [drop] * 25) for _ in range(SLOW)))

    with loaded(clients=4) as load:
        until(lambda: load.total > 50, 20.0, "the load")
        ended = asyncio.run(crowd())
        begin = load.total
        until(lambda: load.total > begin + 50, 20.0, "more of it")
    record_property("slow clients", len(ended))
    record_property("dropped after s", round(max(took for _, took in ended), 1))
    assert {status for status, _ in ended} <= {0, 400, 408}
    assert max(took for _, took in ended) < 15.0
    assert load.failed == {}
    assert load.slowest < 5.0


def test_a_line_that_does_not_end_is_given_up(endpoint):
    async def one():
        parts = urlsplit(endpoint.predict_url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(ENDLESS_LINE.format(path=parts.path).encode() + b"1\r\n{\r\n")
        said = await asyncio.wait_for(reader.read(300), 20.0)
        writer.close()
        return int(said.split()[1])

    assert asyncio.run(one()) == 408


def test_a_conversation_in_lines_is_answered_as_it_goes(endpoint):
    """Two lines, the second sent once the first was answered, through all that stands before the replica."""

    async def exchange():
        parts = urlsplit(endpoint.predict_url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        line = json.dumps(endpoint.example).encode() + b"\n"
        writer.write(ENDLESS_LINE.format(path=parts.path).encode())
        answers = []
        for _ in range(2):
            writer.write(b"%x\r\n%b\r\n" % (len(line), line))
            answers.append(await asyncio.wait_for(reader.readuntil(b"}\n"), 10.0))
        writer.write(b"0\r\n\r\n")
        writer.close()
        return answers

    assert sum(b"prediction_id" in answer for answer in asyncio.run(exchange())) == 2
