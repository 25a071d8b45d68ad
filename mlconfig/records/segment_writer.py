"""The writer of segments: one a process, `write()` before the answer, `fdatasync` behind it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mlconfig.errors import DataError
from mlconfig.records.segments import (
    MAGIC,
    SEQUENCE,
    SUFFIX,
    SegmentHeader,
    frame,
    lock_segment,
    read_segment,
    segment_files,
    sync_folder,
    write_all,
)

SYNC_SECONDS = 0.1
SYNC_BYTES = 1 << 20
ROTATE_BYTES = 64 << 20
ROTATE_SECONDS = 3600.0


class SegmentWriter:
    """Appends records to the segments of one ``(replica, boot)``; the first file is made at the first record.

    Args:
        folder: where the segments lie; made when missing.
        replica: who writes. boot: which life of it; both go into file names.
        meta: kept in each header; ``describe`` changes it.
        rotate_bytes, rotate_seconds: a segment that is larger or older is closed and the next one begun.
        clock: seconds since 1970.

    ``append`` may be called from any thread. A failed write never raises: its numbers are used up and counted in ``dropped``.
    """

    def __init__(
        self,
        folder: Path,
        replica: str,
        boot: str,
        *,
        meta: dict[str, Any] | None = None,
        rotate_bytes: int = ROTATE_BYTES,
        rotate_seconds: float = ROTATE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder, self.replica, self.boot = folder, replica, boot
        self.dropped = 0
        self.error: str | None = None
        self._meta = meta or {}
        self._rotate_bytes, self._rotate_seconds, self._clock = rotate_bytes, rotate_seconds, clock
        self._file: Any = None
        self._index = self._next = self._size = self._unsynced = 0
        self._opened = 0.0
        self._retired: list[Any] = []
        self._awaited: list[Callable[[bool], None]] = []
        self._lock, self._sync_lock, self._wake, self._closing = (
            threading.Lock(),
            threading.Lock(),
            threading.Event(),
            threading.Event(),
        )
        self._syncer: threading.Thread | None = None
        self._resume()

    def _resume(self) -> None:
        """Go on behind an earlier writer of the same replica and boot: cut its torn tail, keep its numbers."""
        mine = [file for file in segment_files(self.folder) if file.name.startswith(f"{self.replica}-{self.boot}-")]
        if not mine:
            return
        last = mine[-1].open("r+b", buffering=0)
        if not lock_segment(last):
            last.close()
            raise DataError("another process writes these segments", str(mine[-1]), "give each process its own boot id")
        segment = read_segment(mine[-1])
        last.truncate(segment.end)
        last.seek(segment.end)
        self._file, self._size, self._opened = last, segment.end, segment.header.created_at
        self._index = int(segment.header.segment.rpartition("-")[2]) + 1
        self._next = segment.last + 1
        self._meta = segment.header.meta

    def describe(self, meta: dict[str, Any]) -> None:
        """Change what headers say from here on; another meta begins a new segment."""
        with self._lock:
            if meta != self._meta:
                self._retire()
                self._meta = meta

    def append(self, payloads: Sequence[bytes]) -> bool:
        """Give the records to the kernel in one write; False when that failed (full disk) and they are lost."""
        with self._lock:
            first, self._next = self._next, self._next + len(payloads)
            data = b"".join(
                [frame(SEQUENCE.pack(number) + payload) for number, payload in enumerate(payloads, start=first)]
            )
            try:
                if self._file is None or self._size + len(data) > self._rotate_bytes:
                    self._retire()
                    self._open(first)
                self._write(data)
                self._start_syncing()
            except OSError as error:
                self.dropped += len(payloads)
                self.error = str(error)
                return False
        if self._unsynced >= SYNC_BYTES:
            self._wake.set()
        return True

    def when_durable(self, tell: Callable[[bool], None]) -> None:
        """Have it told, from another thread, when all that was appended so far is on the disk (True), or may not be (False).

        Whoever waits shares one ``fdatasync`` with all that came while the last one ran.
        """
        with self._lock:
            self._awaited.append(tell)
        self._wake.set()

    def _write(self, data: bytes) -> None:
        try:
            write_all(self._file.fileno(), data)
        except OSError:
            self._file.truncate(self._size)  # what follows must not stand behind half a frame
            self._file.seek(self._size)
            raise
        self._size += len(data)
        self._unsynced += len(data)

    def _open(self, first: int) -> None:
        """Make the next segment under a temporary name, locked and with its header, then give it its name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{self.replica}-{self.boot}-{self._index:06d}"
        self._opened = self._clock()
        header = SegmentHeader(name, self.replica, self.boot, first, self._opened, self._meta)
        data = MAGIC + frame(msgspec.json.encode(header))
        unnamed = self.folder / f".{name}.tmp"
        file = unnamed.open("wb", buffering=0)
        try:
            lock_segment(file)
            write_all(file.fileno(), data)
            unnamed.rename(self.folder / f"{name}{SUFFIX}")
        except OSError:
            file.close()
            raise
        self._file, self._size, self._unsynced = file, len(data), len(data)
        self._index += 1

    def _start_syncing(self) -> None:
        if self._syncer is None:
            self._syncer = threading.Thread(target=self._sync_for_ever, name="segment-sync", daemon=True)
            self._syncer.start()

    def _retire(self) -> None:
        if self._file is not None:
            self._retired.append(self._file)
            self._file = None

    def _sync_for_ever(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(SYNC_SECONDS)
            self._wake.clear()
            self.flush()

    def flush(self) -> None:
        """Make all that was appended durable, and close segments that were rotated out or have grown old."""
        with self._sync_lock:
            with self._lock:
                if self._file is not None and self._clock() - self._opened > self._rotate_seconds:
                    self._retire()
                retired, self._retired = self._retired, []
                awaited, self._awaited = self._awaited, []
                current, dirty, self._unsynced = self._file, self._unsynced > 0, 0
            is_durable = self._sync(retired, current, dirty=dirty)
        for tell in awaited:
            tell(is_durable)

    def _sync(self, retired: Sequence[Any], current: Any, *, dirty: bool) -> bool:
        try:
            for file in retired:
                with file:
                    os.fdatasync(file.fileno())
            if current is not None and dirty:
                os.fdatasync(current.fileno())
            if retired or dirty:
                sync_folder(self.folder)
        except OSError as error:
            self.error = str(error)
            return False
        return True

    def close(self) -> None:
        """Sync and close; the segments are then free to be compacted. A later ``append`` begins a new one."""
        self._closing.set()
        self._wake.set()
        if self._syncer is not None:
            self._syncer.join()
            self._syncer = None
        with self._lock:
            self._retire()
        self.flush()
        self._closing.clear()
