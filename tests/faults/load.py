"""A bounded load on loopback that classifies every answer, in a thread of its own."""

import asyncio
import json
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Load:
    """So many clients, each with one connection, ask in a closed loop from ``with`` to its end.

    A connection that the server closed between two requests is opened again, as every client of HTTP/1.1 has to; a request that
    was sent and got no answer, or 503, is a failure, unless ``retries`` allow to send it again. ``ids``: of the answers;
    ``unanswered``: requests that were sent, at least in part, and got none.
    """

    url: str
    body: dict
    clients: int = 16
    patience: float = 30.0
    retries: int = 0
    answered: Counter = field(default_factory=Counter)
    failed: Counter = field(default_factory=Counter)
    ids: list = field(default_factory=list)
    unanswered: int = 0
    slowest: float = 0.0
    late: list = field(default_factory=list)

    def __enter__(self):
        parts = urlsplit(self.url)
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path
        self._content = json.dumps(self.body).encode()
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join(self.patience + 5.0)
        assert not self._thread.is_alive(), "a client hangs"

    @property
    def total(self):
        """Requests that were answered as they should be."""
        return self.answered[200]

    async def _run(self):
        await asyncio.gather(*(self._client() for _ in range(self.clients)))

    async def _client(self):
        connection = None
        while not self._over.is_set():
            began = time.monotonic()
            for attempt in range(self.retries + 1):
                connection, outcome = await self._once(connection)
                if outcome == 200 or attempt == self.retries or (isinstance(outcome, int) and outcome != 503):
                    break
                await asyncio.sleep(0.2)
            took = time.monotonic() - began
            self.slowest = max(self.slowest, took)
            if took > 1.0:
                self.late.append((began, took))
            (self.answered if outcome == 200 else self.failed)[outcome] += 1
        if connection is not None:
            connection[1].close()

    async def _once(self, connection):
        """One request; the connection for the next one, and the status or what went wrong."""
        fresh = connection is None
        try:
            async with asyncio.timeout(self.patience):
                if connection is None:
                    connection = await asyncio.open_connection(self._host, self._port)
                return await self._exchange(connection, fresh=fresh)
        except TimeoutError:
            outcome = "no answer in time"
        except OSError as error:
            outcome = type(error).__name__
        if connection is not None:
            connection[1].close()
            self.unanswered += 1
        return None, outcome

    async def _exchange(self, connection, *, fresh):
        reader, writer = connection
        head = f"POST {self._path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        try:
            writer.write(f"{head}content-length: {len(self._content)}\r\n\r\n".encode() + self._content)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            writer.close()
            self.unanswered += 1
            idle = isinstance(error, ConnectionError) or not error.partial
            if fresh or not idle:
                return None, type(error).__name__
            return await self._once(None)  # it had been closed before the request came
        lines = head.decode().lower().split("\r\n")
        status = int(lines[0].split()[1])
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        try:
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()
            self.unanswered += 1
            return None, "half an answer"
        if status == 200:
            with suppress(ValueError, KeyError):
                self.ids.append(json.loads(body)["prediction_id"])
        if headers.get("connection") == "close":
            writer.close()
            return None, status
        return connection, status
