"""Writes what a replica counted, one line for each ten seconds in which anything happened."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from mlconfig.records.segments import lock_segment, write_all
from mlconfig.records.service_counts import ServiceCounts

logger = logging.getLogger(__name__)

SERVICE, SUFFIX = "service", ".jsonl"
INTERVAL = 10
"""Seconds a line covers, from a multiple of it since 1970."""
ROTATE_SECONDS = 3600.0


class Line(msgspec.Struct, frozen=True):
    """A line of the log: what was counted in ``start <= t < start + seconds``, seconds since 1970."""

    v: int
    start: int
    seconds: int
    counts: ServiceCounts


class ServiceWriter:
    """Appends a replica's counts to ``<folder>/<replica>-<boot>-<unique>.jsonl``, from a thread of its own.

    Args:
        folder: where the files lie (``<log folder>/service``); made when missing.
        replica, boot: who writes, and which life of it.
        read: the counts since the process began; called on the writer's thread.
        rotate_seconds: an older file is closed, and so free to be compacted, and the next one begun.
        clock: seconds since 1970.

    The lock of an open file is the segments' (`lock_segment`). A failed write never raises: what it did not say is said by
    the next one, in a file of its own, since half a line may stand at the end of this one.
    """

    def __init__(
        self,
        folder: Path,
        replica: str,
        boot: str,
        read: Callable[[], ServiceCounts],
        *,
        rotate_seconds: float = ROTATE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder, self.error = folder, ""
        self._name, self._read, self._clock, self._rotate_seconds = f"{replica}-{boot}", read, clock, rotate_seconds
        self._file: Any = None
        self._opened = 0.0
        self._written = ServiceCounts()
        self._start = self._interval()
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def _interval(self) -> int:
        return int(self._clock() // INTERVAL) * INTERVAL

    def start(self) -> None:
        """Write at the end of each interval until ``close``; a second call changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="service-log", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._closing.wait(INTERVAL - self._clock() % INTERVAL):
            self.flush()

    def flush(self) -> None:
        """Write what has been counted since the last time, as a line of the interval that it began in."""
        with self._lock:
            now = self._read()
            new = now.since(self._written)
            if new and self._append(Line(1, self._start, INTERVAL, new)):
                self._written = now
            self._start = self._interval()
            if self._file is not None and self._clock() - self._opened > self._rotate_seconds:
                self._retire()

    def _append(self, line: Line) -> bool:
        try:
            if self._file is None:
                self._open()
            write_all(self._file.fileno(), msgspec.json.encode(line) + b"\n")
        except OSError as error:
            if str(error) != self.error:
                logger.warning("the counts of requests cannot be written: %s", error)
            self.error = str(error)
            self._retire()
            return False
        self.error = ""
        return True

    def _open(self) -> None:
        """Make the file under a temporary name, locked, then give it its name: it never stands there without a lock."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{self._name}-{secrets.token_hex(4)}"
        unnamed = self.folder / f".{name}.tmp"
        file = unnamed.open("xb", buffering=0)
        try:
            lock_segment(file)
            unnamed.rename(self.folder / f"{name}{SUFFIX}")
        except OSError:
            file.close()
            raise
        self._file, self._opened = file, self._clock()

    def _retire(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            os.fdatasync(file.fileno())
        except OSError as error:
            self.error = str(error)
        file.close()

    def close(self) -> None:
        """Write what is left and close the file. A later ``flush`` begins a new one."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.flush()
        with self._lock:
            self._retire()
        self._closing.clear()
