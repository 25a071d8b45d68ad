"""One endpoint in one process: what it serves now, its batcher and its log. Knows no Ray and no HTTP."""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from mlconfig.errors import MlconfigError, ServingError
from mlconfig.records.prediction_log import FEEDBACK, SEGMENTS, log_folder
from mlconfig.records.route import RouteTable, RouteVersion
from mlconfig.records.segment_writer import SegmentWriter
from mlconfig.records.service_counts import ServiceCounts
from mlconfig.records.service_writer import SERVICE, ServiceWriter
from mlconfig.sections.serving import Serving
from mlconfig.serving.answer import Answer, Answerer
from mlconfig.serving.batcher import Batcher
from mlconfig.serving.counters import Counters
from mlconfig.serving.predictor import Predictor
from mlconfig.serving.refusal import RequestRefusedError, not_ready
from mlconfig.serving.state import ServingState

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]")


class Service:
    """Serves one endpoint.

    Args:
        endpoint: its public name.
        storage: the folder that route tables' ``folder`` is relative to, and that the prediction log is kept in.
        settings: the recipe's ``serving``.
        replica: this process's name among the endpoint's replicas; goes into file names, in letters and digits only.
        boot: this life of it; drawn when left out.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        endpoint: str,
        storage: Path,
        settings: Serving,
        *,
        replica: str,
        boot: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.endpoint, self.storage, self.settings = endpoint, storage, settings
        self.replica, self.boot = _NOT_IN_NAMES.sub("_", replica), boot or secrets.token_hex(8)
        self.counters = Counters()
        self.problem: str | None = None
        self._clock = clock
        folder = log_folder(storage, endpoint)
        self._log = SegmentWriter(folder / SEGMENTS, replica, self.boot, clock=clock)
        self._labels = SegmentWriter(folder / FEEDBACK, replica, self.boot, clock=clock)
        self._service_log = ServiceWriter(folder / SERVICE, self.replica, self.boot, self.counts, clock=clock)
        self._answerer = Answerer(self._log, self.boot, settings.log.sample_fraction)
        self._batcher = Batcher(self._answerer.flush)
        self._state: ServingState | None = None
        self._swapping = threading.Lock()

    @property
    def state(self) -> ServingState | None:
        """What is served now; None until the first version is loaded."""
        return self._state

    def swap(self, table: RouteTable) -> bool:
        """Take a route table over; True when it is served now. Never raises: on any failure the old one stays, and
        ``problem`` says why. A lower generation or epoch is refused; the same one again changes nothing. Blocks while the
        model is loaded, so call it from a thread beside the event loop.
        """
        with self._swapping:
            try:
                if self._is_new(table):
                    self._state = ServingState.of(table, self._load(table.champion))
                self.problem = None
            except MlconfigError as error:
                self.problem = str(error)
            except Exception as error:  # noqa: BLE001 — a replica that raises here is torn down with its old version
                self.problem = f"generation {table.generation}: {type(error).__name__}: {error}"
        return self.problem is None

    def _is_new(self, table: RouteTable) -> bool:
        if table.endpoint != self.endpoint:
            raise ServingError(f"a route of `{table.endpoint}` was given to `{self.endpoint}`", "route")
        if self._state is None:
            return True
        now = self._state.table
        if table.generation < now.generation or table.epoch < now.epoch:
            here, there = f"{now.generation}/{now.epoch}", f"{table.generation}/{table.epoch}"
            raise ServingError(f"generation/epoch {there} is older than {here}, which is served", "route")
        return table != now

    def _load(self, version: RouteVersion) -> Predictor:
        if self._state is not None and self._state.table.champion == version:
            return self._state.predictor
        return Predictor.load(self.storage / version.folder, version.artifact_sha256)

    def require_state(self) -> ServingState:
        """What is served now. Raises RequestRefusedError (503) before the first version."""
        if self._state is None:
            raise not_ready()
        return self._state

    def predict(self, body: bytes) -> asyncio.Future[Answer]:
        """Decode and queue a request, on the event loop. Raises RequestRefusedError, at once or from the future."""
        state = self.require_state()
        return self._batcher.submit(state, state.decoder.decode(body), self._clock())

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
            log_dropped=self._log.dropped,
            feedback_dropped=self._labels.dropped,
        )

    @property
    def fault(self) -> str | None:
        """Why the newest route could not be taken over, or one of the logs not written; None when all is well."""
        return self.problem or self._log.error or self._labels.error or self._service_log.error or None

    def start(self) -> None:
        """Write counts to the service log every ten seconds from now on; a second call changes nothing."""
        self._service_log.start()

    def write_counts(self) -> None:
        """Write what was counted since the last time to the service log. Blocks on the disk; never raises."""
        self._service_log.flush()

    def flush(self) -> None:
        """Make all that was logged durable."""
        self._log.flush()
        self._labels.flush()

    def close(self) -> None:
        """Sync and close the logs; their files are then free to be compacted."""
        self._log.close()
        self._labels.close()
        self._service_log.close()
