"""One endpoint in one process: what it serves now, its batcher and its log. Knows no Ray and no HTTP."""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec

from mlconfig.contracts.protocol import Protocol, WireReply, WireRequest
from mlconfig.contracts.refusal import RequestRefusedError, not_ready
from mlconfig.errors import MlconfigError, ServingError
from mlconfig.records.prediction_log import FEEDBACK, SEGMENTS, SHADOW, log_folder
from mlconfig.records.route import RouteTable
from mlconfig.records.segment_writer import SegmentWriter
from mlconfig.records.service_counts import ServiceCounts
from mlconfig.records.service_writer import SERVICE, ServiceWriter
from mlconfig.sections.serving import Serving
from mlconfig.serving.access import Access
from mlconfig.serving.answer import Answerer
from mlconfig.serving.answer_log import AnswerLog
from mlconfig.serving.batcher import Batcher, Outcome, Waiting
from mlconfig.serving.counters import Counters
from mlconfig.serving.loader import Loader
from mlconfig.serving.shield import Shield
from mlconfig.serving.state import ServingState

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]")


class Service:
    """Serves one endpoint.

    Args:
        endpoint: its public name.
        storage: the folder that route tables' ``folder`` is relative to, and that the prediction log is kept in.
        settings: the recipe's ``serving``.
        protocols: an instance by name, as ``serving.protocols`` lists them.
        replica: this process's name among the endpoint's replicas; goes into file names, in letters and digits only.
        boot: this life of it; drawn when left out.
        access: the door that all of its requests pass; left out, it is open.
        named_by: the header in which the ingress names each request; nobody else may know it. Left out, none does.
        clock: seconds since 1970.

    ``turn`` is held by one conversation of lines at a time, so that many of them do not hold up all other requests.
    """

    def __init__(
        self,
        endpoint: str,
        storage: Path,
        settings: Serving,
        protocols: Mapping[str, Protocol],
        *,
        replica: str,
        boot: str | None = None,
        access: Access | None = None,
        named_by: bytes | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.endpoint, self.storage, self.settings, self.protocols = endpoint, storage, settings, protocols
        self.replica, self.boot = _NOT_IN_NAMES.sub("_", replica), boot or secrets.token_hex(8)
        self.counters, self.access = Counters(), access or Access()
        self._named_by = named_by
        self.problem: str | None = None
        self._clock = clock
        folder = log_folder(storage, endpoint)
        writer = partial(SegmentWriter, boot=self.boot, rotate_bytes=settings.log.rotate, clock=clock)
        self._log = writer(folder / SEGMENTS, replica)
        # Another name: the compactor knows a segment by its name alone, whichever log it is of.
        self._shadow_log = writer(folder / SHADOW / SEGMENTS, f"{replica}_shadow")
        self._labels = SegmentWriter(folder / FEEDBACK, replica, self.boot, clock=clock)
        self._service_log = ServiceWriter(folder / SERVICE, self.replica, self.boot, self.counts, clock=clock)
        log = AnswerLog(self._log, self._shadow_log, settings.log)
        self._answerer = Answerer(log, self.boot, settings, clock)
        self._batcher = Batcher(self._answerer.flush, settings.batching)
        self._loader = Loader(storage, settings.fallback)
        self._state: ServingState | None = None
        self._swapping = threading.Lock()
        self.turn = asyncio.Lock()

    @property
    def state(self) -> ServingState | None:
        """What is served now; None until the first version is loaded."""
        return self._state

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The one that answers; looking it up each time is a system call."""
        return self._batcher.loop

    def swap(self, table: RouteTable) -> bool:
        """Take a route table over; True when it is served now. Never raises: on any failure the old one stays, and
        ``problem`` says why. A lower generation or epoch is refused; the same one again changes nothing. Blocks while the
        model is loaded, so call it from a thread beside the event loop.
        """
        with self._swapping:
            try:
                if self._is_new(table):
                    versions = self._loader.load(table, self._state)
                    shield = Shield.of(versions.champion.signature, self.storage)
                    self._state = ServingState.of(table, versions, self.settings, self.protocols, shield)
                self.problem = self._loader.problem
            except MlconfigError as error:
                self.problem = str(error)
            except Exception as error:  # noqa: BLE001 — a replica that raises here is torn down with its old version
                self.problem = f"generation {table.generation}: {type(error).__name__}: {error}"
        return self._state is not None and self._state.table == table

    def _is_new(self, table: RouteTable) -> bool:
        if table.endpoint != self.endpoint:
            raise ServingError(f"a route of `{table.endpoint}` was given to `{self.endpoint}`", "route")
        if self._state is None:
            return True
        now = self._state.table
        if table.generation < now.generation or table.epoch < now.epoch:
            here, there = f"{now.generation}/{now.epoch}", f"{table.generation}/{table.epoch}"
            raise ServingError(f"generation/epoch {there} is older than {here}, which is served", "route")
        return table != now or self._state.is_makeshift

    def require_state(self) -> ServingState:
        """What is served now. Raises RequestRefusedError (503) before the first version."""
        if self._state is None:
            raise not_ready()
        return self._state

    def name_of(self, headers: Mapping[bytes, bytes]) -> bytes | None:
        """What the ingress named a request; null where there is none."""
        return headers.get(self._named_by) if self._named_by is not None else None

    def ask(
        self,
        protocol: str,
        request: WireRequest,
        tell: Callable[[WireReply | Exception], None],
        name: bytes | None = None,
    ) -> None:
        """Decode a request and have it answered, on the event loop. Raises RequestRefusedError.

        Args:
            tell: is given the response, or why there is none, later on.
            name: the ingress' for this request, which another replica may have been given before.
        """
        state = self.require_state()
        codec = state.codecs[protocol]
        asked = codec.decode(request)

        def give(outcome: Outcome) -> None:
            reply: WireReply | Exception
            try:
                reply = outcome if isinstance(outcome, RequestRefusedError) else codec.encode(asked, outcome)
            except Exception as error:  # noqa: BLE001 — a protocol is a plugin
                reply = error
            tell(reply)

        self._batcher.submit(Waiting(state, asked, self._clock(), give, name))

    async def predict(self, protocol: str, request: WireRequest, name: bytes | None = None) -> WireReply:
        """As ``ask``, and wait for the response."""
        future: asyncio.Future[WireReply] = self.loop.create_future()
        self.ask(protocol, request, partial(settle, future), name)
        try:
            return await future
        finally:
            del future  # an error's traceback holds this frame: a cycle, which would keep the request for long

    def tell(self, protocol: str, request: WireRequest) -> WireReply:
        """A protocol's answer that needs no prediction. Raises RequestRefusedError."""
        early = self.protocols[protocol].unready(request) if self._state is None else None
        return self.require_state().codecs[protocol].tell(request) if early is None else early

    def feedback(self, body: bytes) -> bytes:
        """Write labels down; returns ``{"accepted": n}`` once the kernel has them. Raises RequestRefusedError."""
        records = self.require_state().feedback.decode(body, self._clock())
        if not self._labels.append(records):
            raise RequestRefusedError(
                503, "the labels could not be written", hint="send them again later", retry_after=10
            )
        return msgspec.json.encode({"accepted": len(records)})

    def counts(self) -> ServiceCounts:
        """Counts since the process began. May be called from any thread."""
        return self.counters.snapshot(
            rows=self._answerer.rows,
            failures=self._answerer.failures,
            fallback=self._answerer.fallbacks,
            log_dropped=self._log.dropped,
            feedback_dropped=self._labels.dropped,
        )

    @property
    def fault(self) -> str | None:
        """Why the newest route could not be taken over, or one of the logs not written; None when all is well."""
        return (
            self.problem
            or self._log.error
            or self._shadow_log.error
            or self._labels.error
            or self._service_log.error
            or None
        )

    def start(self) -> None:
        """Write counts to the service log every ten seconds from now on; a second call changes nothing."""
        self._service_log.start()

    def write_counts(self) -> None:
        """Write what was counted since the last time to the service log. Blocks on the disk; never raises."""
        self._service_log.flush()

    def flush(self) -> None:
        """Ask the shadows about what waits for them, and make all that was logged durable. Not beside the event loop's work."""
        self._answerer.shadows.flush()
        for log in (self._log, self._shadow_log, self._labels):
            log.flush()

    def close(self) -> None:
        """Sync and close the logs; their files are then free to be compacted. Not beside the event loop's work."""
        try:
            self._answerer.shadows.flush()
        finally:
            for log in (self._log, self._shadow_log, self._labels):
                log.close()
            self._service_log.close()


def settle(future: asyncio.Future[WireReply], reply: WireReply | Exception) -> None:
    """Give it its result, where it is still waited for."""
    if future.done():  # the client has gone
        return
    if isinstance(reply, StopIteration):  # the one that a future refuses
        fault = RuntimeError("an answer could not be encoded")
        fault.__cause__ = reply
        future.set_exception(fault)
    elif isinstance(reply, Exception):
        future.set_exception(reply)
    else:
        future.set_result(reply)
