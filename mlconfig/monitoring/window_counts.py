"""All that is kept of a window: mergeable counts of what was asked and answered, and no row."""

from __future__ import annotations

import json
import math
import struct
import zlib
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from mlconfig.errors import DataError
from mlconfig.profiles import binary
from mlconfig.profiles.distinct import NO_ROWS, Distinct
from mlconfig.profiles.profile import Profile, empty_profile
from mlconfig.profiles.scores import SCORE_BUCKETS, ScoreCounts, empty_scores

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlconfig.profiles.layout import Layout

MAGIC = b"MLPW"
VERSION = 1
_HEAD = struct.Struct("<4sHI")
_LENGTH = struct.Struct("<I")
_LARGEST = 256 << 20
_LEVEL = 6


@dataclass(frozen=True, eq=False)
class WindowCounts:
    """One window of one version; adding two is the counts of both.

    Args:
        inputs: profile of the features as they were asked.
        outputs: profile of the answers.
        scores: a classifier's answers by score, class and group; null for a regression.
        distinct: how many rows differ.
        newest_event: newest event time, seconds since 1970; ``-inf`` where no row had one.
        newest_arrival: when the last row arrived; ``-inf`` without rows.
    """

    inputs: Profile
    outputs: Profile
    scores: ScoreCounts | None
    distinct: Distinct = NO_ROWS
    newest_event: float = -math.inf
    newest_arrival: float = -math.inf

    @property
    def rows(self) -> int:
        """Predictions."""
        return self.inputs.rows

    def merge(self, other: WindowCounts) -> WindowCounts:
        """Both together. ``DataError`` where they were counted by two layouts."""
        scores = self.scores.merge(other.scores) if self.scores is not None and other.scores is not None else None
        return WindowCounts(
            self.inputs.merge(other.inputs),
            self.outputs.merge(other.outputs),
            scores,
            self.distinct.merge(other.distinct),
            max(self.newest_event, other.newest_event),
            max(self.newest_arrival, other.newest_arrival),
        )


def empty_counts(inputs: Layout, outputs: Layout, classes: int) -> WindowCounts:
    """A window of no rows. ``classes``: 0 for a regression."""
    return WindowCounts(empty_profile(inputs), empty_profile(outputs), empty_scores(classes) if classes else None)


def merged(parts: Iterable[WindowCounts], nothing: WindowCounts) -> WindowCounts:
    """All together; ``nothing`` where there are none."""
    return reduce(WindowCounts.merge, parts, nothing)


def dump_counts(counts: WindowCounts) -> bytes:
    """As bytes with a checksum; the same counts always give the same bytes."""
    parts = [binary.body(counts.inputs), binary.body(counts.outputs), _scores_body(counts.scores)]
    parts.append(counts.distinct.minima.astype("<u8").tobytes())
    header = {
        "sizes": [len(part) for part in parts],
        "distinct_rows": counts.distinct.rows,
        "newest": [_plain(counts.newest_event), _plain(counts.newest_arrival)],
        "scores": None if counts.scores is None else [counts.scores.classes, list(counts.scores.groups)],
    }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    packed = zlib.compress(b"".join([_LENGTH.pack(len(text)), text, *parts]), _LEVEL)
    return _HEAD.pack(MAGIC, VERSION, zlib.crc32(packed)) + packed


def _plain(moment: float) -> float | None:
    return moment if math.isfinite(moment) else None


def _scores_body(scores: ScoreCounts | None) -> bytes:
    """Sparse: the places that hold anything, then their counts."""
    if scores is None:
        return b""
    flat = scores.counts.ravel()
    where = np.flatnonzero(flat)
    return where.astype("<i8").tobytes() + flat[where].astype("<i8").tobytes()


def load_counts(data: bytes) -> WindowCounts:
    """The inverse of ``dump_counts``. ``DataError`` when the bytes are none, are damaged, or are of another version."""
    if len(data) < _HEAD.size or data[:4] != MAGIC:
        raise DataError("these bytes are no window's counts")
    _, version, checksum = _HEAD.unpack_from(data)
    packed = data[_HEAD.size :]
    if version != VERSION or zlib.crc32(packed) != checksum:
        raise DataError("a damaged window, or one of another version", hint="it is counted again from the log")
    try:
        return _read(zlib.decompressobj().decompress(packed, _LARGEST))
    except (ValueError, KeyError, TypeError, IndexError, struct.error, zlib.error) as error:
        raise DataError(f"a window that cannot be read: {error}", hint="it is counted again from the log") from error


def _read(whole: bytes) -> WindowCounts:
    (length,) = _LENGTH.unpack_from(whole)
    at = _LENGTH.size + length
    header = json.loads(whole[_LENGTH.size : at])
    parts = []
    for size in header["sizes"]:
        parts.append(whole[at : at + size])
        at += size
    event, arrival = (-math.inf if moment is None else float(moment) for moment in header["newest"])
    return WindowCounts(
        binary.of_body(parts[0]),
        binary.of_body(parts[1]),
        _read_scores(header["scores"], parts[2]),
        Distinct(np.frombuffer(parts[3], "<u8").astype(np.uint64), int(header["distinct_rows"])),
        event,
        arrival,
    )


def _read_scores(described: tuple[int, list[str]] | None, data: bytes) -> ScoreCounts | None:
    if described is None:
        return None
    classes, groups = described
    numbers = np.frombuffer(data, "<i8").astype(np.int64)
    half = len(numbers) // 2
    flat = np.zeros(len(groups) * classes * SCORE_BUCKETS, np.int64)
    flat[numbers[:half]] = numbers[half:]
    return ScoreCounts(classes, tuple(groups), flat.reshape(len(groups), classes, SCORE_BUCKETS))
