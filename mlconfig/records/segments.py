"""Append-only segment files: what a replica acknowledged is in the kernel before the answer leaves.

A segment is a header frame and record frames. A frame is ``length | crc32c | payload`` (little-endian uint32 twice; the
checksum is Castagnoli's, RFC 3720, over the payload). A record's payload is its sequence number (uint64) and its body. The
sequence of one ``(replica, boot)`` has no gaps: a number is used up even when its write fails, so that loss can be counted.

A writer holds an exclusive ``flock`` on its open segment. The kernel drops it when the process dies, so "nobody holds the
lock" is what *closed* means, for crashed writers too.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c
import msgspec

from mlconfig.errors import DataError

MAGIC = b"mlcseg\x00\x01"
"""The first eight bytes; the last of them is the version of the format."""

SUFFIX = ".seg"
MAX_PAYLOAD = 16 << 20
STRETCH = 1 << 20
"""Bytes that are read at once where a segment is read piece by piece."""
FRAME = struct.Struct("<II")
SEQUENCE = struct.Struct("<Q")
ERASED = b"\x00"
"""A body that begins so was erased: its number stays, so that the sequence has no gap, and nothing else of it."""


class SegmentHeader(msgspec.Struct, frozen=True):
    """What a segment says about itself. ``segment`` is unique; ``meta`` is the writer's (column kinds, time zone)."""

    segment: str
    replica: str
    boot: str
    first: int
    created_at: float
    meta: dict[str, Any] = {}


@dataclass(frozen=True)
class Segment:
    """A segment as far as it could be read. ``damaged`` counts whole frames whose checksum is wrong; a torn tail is none.

    ``end`` is the offset behind the last whole frame; ``last`` the highest number, also of records that were erased since,
    and one below the header's first where there is none.
    """

    header: SegmentHeader
    records: tuple[tuple[int, bytes], ...]
    damaged: int
    end: int
    last: int


def frame(payload: bytes) -> bytes:
    """One frame."""
    return FRAME.pack(len(payload), google_crc32c.value(payload)) + payload


def frames(data: bytes, offset: int) -> Iterator[tuple[bytes | None, int]]:
    """Each whole frame from ``offset`` on: its payload (None where the checksum is wrong) and the offset behind it.

    Ends silently at a torn tail, at zeros that a power cut left, and at a length that cannot be.
    """
    while offset + FRAME.size <= len(data):
        length, checksum = FRAME.unpack_from(data, offset)
        start, end = offset + FRAME.size, offset + FRAME.size + length
        if not 0 < length <= MAX_PAYLOAD or end > len(data):
            return
        payload = data[start:end]
        yield (payload if google_crc32c.value(payload) == checksum else None), end
        offset = end


def parse_segment(data: bytes, where: str) -> Segment:
    """Read the bytes of a segment; also of one that is being written. Raises DataError when the header is no header."""
    body = frames(data, len(MAGIC)) if data.startswith(MAGIC) else iter(())
    head, end = next(body, (None, 0))
    if head is None:
        raise DataError("this is no prediction log segment, or its header is damaged", where, "move the file away")
    header = msgspec.json.decode(head, type=SegmentHeader)
    records: list[tuple[int, bytes]] = []
    damaged, whole, last = 0, end, header.first - 1
    for payload, behind in body:
        if payload is None or len(payload) < SEQUENCE.size:
            damaged += 1
            continue
        number, said = SEQUENCE.unpack_from(payload)[0], payload[SEQUENCE.size :]
        last, whole = max(last, number), behind
        if not said.startswith(ERASED):
            records.append((number, said))
    return Segment(header, tuple(records), damaged, whole, last)


def read_segment(file: Path) -> Segment:
    """Read a segment file. Raises DataError when it is none, FileNotFoundError when it has gone."""
    return parse_segment(file.read_bytes(), str(file))


def read_header(file: Path) -> SegmentHeader:
    """What a segment says about itself. Raises as ``read_segment`` does."""
    with file.open("rb") as stream:
        return _header(_stretches(stream, 4096), str(file))[0]


def record_blocks(file: Path) -> Iterator[list[bytes]]:
    """The bodies of the records that ``read_segment`` gives, with a stretch of the file in memory. Raises as that does."""
    with file.open("rb") as stream:
        stretches = _stretches(stream, STRETCH)
        _, first = _header(stretches, str(file))
        for payloads in chain([first], stretches):
            bodies = [payload[SEQUENCE.size :] for payload in payloads if payload and len(payload) >= SEQUENCE.size]
            yield [body for body in bodies if not body.startswith(ERASED)]


def _header(stretches: Iterator[list[bytes | None]], where: str) -> tuple[SegmentHeader, list[bytes | None]]:
    """The header, and what stands behind it in its stretch."""
    first = next(stretches, [])
    head = first[0] if first else None
    if head is None:
        raise DataError("this is no prediction log segment, or its header is damaged", where, "move the file away")
    return msgspec.json.decode(head, type=SegmentHeader), first[1:]


def _stretches(stream: BinaryIO, size: int) -> Iterator[list[bytes | None]]:
    """The payloads of the frames that end in each stretch, as ``frames`` gives them; none where the file is no segment."""
    data = b"" if stream.read(len(MAGIC)) == MAGIC else None
    while data is not None and (more := stream.read(size)):
        data += more
        found = list(frames(data, 0))
        if found:
            data = data[found[-1][1] :]
            yield [payload for payload, _ in found]
        elif len(data) >= FRAME.size and not 0 < FRAME.unpack_from(data)[0] <= MAX_PAYLOAD:
            return


def segment_files(folder: Path) -> list[Path]:
    """The segments of a folder, by name."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def lock_segment(file: BinaryIO, *, shared: bool = False) -> bool:
    """Take the writer's lock of an open segment; False when a living writer holds it. ``shared``: beside others that read."""
    try:
        fcntl.flock(file.fileno(), (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable: after a rename, fsync of the directory (POSIX)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte; a short write is continued. Raises OSError (ENOSPC, EFBIG, EIO)."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
