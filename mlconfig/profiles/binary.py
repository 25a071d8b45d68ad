"""The file of a profile: its layout, its counts, no rows. Version 1.

    "MLPF" | u16 version | u32 crc32 of what follows | zlib of:
    u32 length | JSON header (rows; name, kind, levels of each column; number of integers)
    float64s: per histogram column centre scale low high minimum maximum total total², then the moments' lower triangle
    LEB128 integers: per column its counters, then its counts

All little-endian. Counts of a histogram are kept from its first to its last used bucket, as differences: neighbours are
alike, so most take one byte.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from mlconfig.errors import DataError
from mlconfig.profiles import varint
from mlconfig.profiles.counts import CategoricalCounts, NumericCounts
from mlconfig.profiles.histogram import BUCKETS, Counts, Floats
from mlconfig.profiles.layout import ColumnLayout, Layout
from mlconfig.profiles.profile import ColumnCounts, Profile

MAGIC = b"MLPF"
VERSION = 1
_HEAD = struct.Struct("<4sHI")
_LENGTH = struct.Struct("<I")
_LARGEST_BODY = 64 << 20
_LEVEL = 6
_HINT = "make the profile again from the version's training data"

_KINDS = ("numeric", "categorical", "boolean", "timestamp")
_LAYOUT_FLOATS = ("centre", "scale", "low", "high")
_COUNT_FLOATS = ("minimum", "maximum", "total", "total_squared")
_NUMERIC_INTEGERS = ("nulls", "pos_inf", "neg_inf", "below", "above", "n")
_LEVEL_INTEGERS = ("nulls", "other", "new")


def dump(profile: Profile) -> bytes:
    """A profile and its layout as bytes; the same profile always gives the same bytes."""
    packed = zlib.compress(body(profile), _LEVEL)
    return _HEAD.pack(MAGIC, VERSION, zlib.crc32(packed)) + packed


def body(profile: Profile) -> bytes:
    """What ``dump`` compresses: for a file of many profiles, which is compressed and checked as a whole."""
    floats: list[float] = []
    integers: list[Counts] = []
    for column in profile.layout.columns:
        counts = profile.columns[column.name]
        if isinstance(counts, NumericCounts):
            floats += [getattr(column, name) for name in _LAYOUT_FLOATS]
            floats += [getattr(counts, name) for name in _COUNT_FLOATS]
        integers.append(_integers_of(counts))
    header = {
        "rows": profile.rows,
        "columns": [
            {"name": c.name, "kind": c.kind, "levels": list(c.categories), "truncated": c.truncated, "sparse": c.sparse}
            for c in profile.layout.columns
        ],
    }
    triangle = profile.moments[np.tril_indices(len(profile.moments))]
    return _pack(header, np.concatenate([np.asarray(floats), triangle]), np.concatenate([*integers, _nothing()]))


def _nothing() -> Counts:
    return np.zeros(0, np.int64)


def _pack(header: dict[str, Any], floats: Floats, integers: Counts) -> bytes:
    text = json.dumps({**header, "floats": len(floats)}, ensure_ascii=False, separators=(",", ":")).encode()
    return _LENGTH.pack(len(text)) + text + floats.astype("<f8").tobytes() + varint.encode(integers)


def _integers_of(counts: ColumnCounts) -> Counts:
    if isinstance(counts, CategoricalCounts):
        return np.concatenate([[getattr(counts, name) for name in _LEVEL_INTEGERS], counts.counts])
    used = np.flatnonzero(counts.counts)
    first, end = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 0)
    steps = np.diff(counts.counts[first:end], prepend=0)
    own = [*(getattr(counts, name) for name in _NUMERIC_INTEGERS), first, end - first]
    return np.concatenate([np.asarray(own, np.int64), varint.zigzag(steps)])


def load(data: bytes) -> Profile:
    """The profile that ``dump`` wrote. ``DataError`` when the bytes are not one, are damaged, or are of another version."""
    packed = _checked(data)
    try:
        return _read(_inflate(packed))
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        StopIteration,
        RecursionError,
        struct.error,
        zlib.error,
    ) as error:
        raise DataError(f"a profile that cannot be read: {error}", hint=_HINT) from error


def of_body(data: bytes) -> Profile:
    """The inverse of ``body``; ``DataError`` when it is none."""
    try:
        return _read(data)
    except (ValueError, TypeError, KeyError, IndexError, StopIteration, RecursionError, struct.error) as error:
        raise DataError(f"a profile that cannot be read: {error}", hint=_HINT) from error


def _read(data: bytes) -> Profile:
    (length,) = _LENGTH.unpack_from(data)
    header = json.loads(data[_LENGTH.size : _LENGTH.size + length])
    start = _LENGTH.size + length
    end = start + 8 * header["floats"]
    floats = np.frombuffer(data[start:end], "<f8").astype(np.float64)
    return _Reader(header, floats, varint.decode(data[end:])).profile()


def _checked(data: bytes) -> bytes:
    if len(data) < _HEAD.size or data[:4] != MAGIC:
        raise DataError("these bytes are no profile", hint=_HINT)
    _, version, checksum = _HEAD.unpack_from(data)
    if version != VERSION:
        raise DataError(
            f"a profile of version {version}; this release reads {VERSION}", hint="use the release that wrote it"
        )
    packed = data[_HEAD.size :]
    if zlib.crc32(packed) != checksum:
        raise DataError("a damaged profile: its checksum differs", hint=_HINT)
    return packed


def _inflate(packed: bytes) -> bytes:
    """Decompressed, but never more than a profile can need."""
    inflater = zlib.decompressobj()
    body = inflater.decompress(packed, _LARGEST_BODY)
    if not inflater.eof:
        raise ValueError("it is cut short or too large")
    return body


class _Reader:
    """Takes floats and integers off the front, column by column."""

    def __init__(self, header: dict[str, Any], floats: Floats, integers: Counts) -> None:
        self.header, self.floats, self.integers = header, iter(floats.tolist()), integers
        self.at = 0

    def profile(self) -> Profile:
        columns, counted = [], dict[str, ColumnCounts]()
        for described in self.header["columns"]:
            column, counts = self._column(described)
            columns.append(column)
            counted[column.name] = counts
        layout = Layout(tuple(columns))
        moments = self._moments(len(layout.correlated) + 1)
        if self.at != len(self.integers) or next(self.floats, None) is not None:
            raise ValueError("it holds more than its header says")
        return Profile(layout, counted, int(self.header["rows"]), moments)

    def _take(self, size: int) -> Counts:
        taken = self.integers[self.at : self.at + size]
        if size < 0 or len(taken) != size:
            raise ValueError("it holds less than its header says")
        self.at += size
        return taken

    def _named(self, names: tuple[str, ...], values: Iterator[Any]) -> dict[str, Any]:
        return {name: next(values) for name in names}

    def _column(self, described: dict[str, Any]) -> tuple[ColumnLayout, ColumnCounts]:
        name, kind, levels = described["name"], described["kind"], tuple(described["levels"])
        if kind not in _KINDS:
            raise ValueError(f"a column of kind {kind}")
        bare = ColumnLayout(name, kind, categories=levels, truncated=described["truncated"])
        sparse = bool(described.get("sparse", False))  # files of the first release do not say
        if not bare.has_histogram:
            own = self._named(_LEVEL_INTEGERS, iter(self._take(len(_LEVEL_INTEGERS)).tolist()))
            return bare, CategoricalCounts(self._take(len(levels)).copy(), **own)
        fixed = self._named(_LAYOUT_FLOATS, self.floats)
        if not (math.isfinite(fixed["centre"]) and 0.0 < fixed["scale"] < math.inf):
            raise ValueError(f"column `{name}` has no centre or scale")
        sums = self._named(_COUNT_FLOATS, self.floats)
        own = self._named(_NUMERIC_INTEGERS, iter(self._take(len(_NUMERIC_INTEGERS)).tolist()))
        return ColumnLayout(name, kind, **fixed, sparse=sparse), NumericCounts(self._histogram(), **own, **sums)

    def _histogram(self) -> Counts:
        first, size = self._take(2).tolist()
        if first + size > BUCKETS:
            raise ValueError("a bucket that does not exist")
        counts = np.zeros(BUCKETS, np.int64)
        counts[first : first + size] = np.cumsum(varint.unzigzag(self._take(size)))
        return counts

    def _moments(self, size: int) -> Floats:
        moments = np.zeros((size, size))
        below = np.tril_indices(size)
        moments[below] = [next(self.floats) for _ in below[0]]
        return np.asarray(moments + np.tril(moments, -1).T)
