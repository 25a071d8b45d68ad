"""Takes rows out of a log: in segments their bytes are overwritten where they stand, so that a living writer is not disturbed;
Parquet files are written anew without them.

A segment's frame keeps its length and its number, so that nothing else moves: the writer goes on at the end, and the sequence
has no gap. Whoever was stopped in between does it again. The caller is alone (`records.removed.tidying`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import google_crc32c
import msgspec

from mlconfig.records.segments import (
    ERASED,
    FRAME,
    MAGIC,
    SEQUENCE,
    SegmentHeader,
    frames,
    lock_segment,
    sync_folder,
)

if TYPE_CHECKING:
    import pyarrow as pa

Theirs = Callable[[bytes], bool]
"""Whether a record's body is to go."""


def segment_header(data: bytes) -> SegmentHeader | None:
    """What a segment says about itself; null where it cannot be read."""
    head, _ = next(frames(data, len(MAGIC)), (None, 0))
    return None if head is None else msgspec.json.decode(head, type=SegmentHeader)


def bodies(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and body of each record that can be read and was not erased."""
    for payload, _ in list(frames(data, len(MAGIC)))[1:]:
        if payload is not None and len(payload) > SEQUENCE.size and not payload.startswith(ERASED, SEQUENCE.size):
            yield SEQUENCE.unpack_from(payload)[0], payload[SEQUENCE.size :]


def erase_in_segment(
    path: Path, theirs: Theirs, note: Callable[[SegmentHeader, list[int]], None], spoilt: Theirs
) -> int:
    """Overwrite the records of a segment that are to go; returns how many.

    Args:
        path: the segment, also one that is being written, or one that was set aside because its header is damaged.
        theirs: of a sound record.
        note: is told their numbers before they go.
        spoilt: whether a frame whose checksum is wrong goes too: it is read by nobody, and may hold what is looked for.
    """
    with path.open("r+b", buffering=0) as file:
        data = file.read()
        header, numbers = segment_header(data), []
        patches: list[tuple[int, bytes]] = []
        offset, end = len(MAGIC), len(MAGIC)
        for place, (payload, end) in enumerate(frames(data, len(MAGIC))):
            if place and payload is None and spoilt(data[offset:end]):
                patches.append((offset + FRAME.size, bytes(end - offset - FRAME.size)))
            elif place and payload is not None and _is_whole(payload) and theirs(payload[SEQUENCE.size :]):
                numbers.append(SEQUENCE.unpack_from(payload)[0])
                patches.append((offset, _erased(payload)))
            offset = end
        if numbers and header is not None:
            note(header, numbers)
        _patch(file, patches)
        if end < len(data) and lock_segment(file):  # half a record that a killed writer left; nobody was answered
            file.truncate(end)
    return len(patches)


def _is_whole(payload: bytes) -> bool:
    return len(payload) > SEQUENCE.size and not payload.startswith(ERASED, SEQUENCE.size)


def _erased(payload: bytes) -> bytes:
    """The frame of a record of which nothing is left but its number, as long as before."""
    blank = payload[: SEQUENCE.size] + bytes(len(payload) - SEQUENCE.size)
    return FRAME.pack(len(blank), google_crc32c.value(blank)) + blank


def _patch(file: BinaryIO, patches: list[tuple[int, bytes]]) -> None:
    for offset, data in patches:
        done = 0
        while done < len(data):
            done += os.pwrite(file.fileno(), data[done:], offset + done)
    if patches:
        os.fdatasync(file.fileno())


def erase_in_parquet(
    path: Path, mask: Callable[[Any], pa.Array], note: Callable[[pa.Table], None] = lambda _: None
) -> int:
    """Write a file anew without the rows of a mask; one that has no others is removed. Returns how many went.

    Args:
        path: the file.
        mask: of a table, which rows go [rows].
        note: is told them before they go.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(path, partitioning=None)
    gone = mask(table)
    rows = int(pc.sum(gone).as_py() or 0)
    if not rows:
        return 0
    note(table.filter(gone))
    if rows == len(table):
        path.unlink()
    else:
        draft = path.with_name(f".{path.name}.tmp")
        with draft.open("wb") as file:
            pq.write_table(table.filter(pc.invert(gone)), file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    sync_folder(path.parent)
    return rows
