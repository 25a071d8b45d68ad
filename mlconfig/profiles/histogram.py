"""A log-linear (HDR) histogram of standardised values: fixed buckets, so that merging is integer addition.

A value is centred and scaled, cast to float32, and its bucket is read off the bits: six mantissa bits over 24 octaves
(2⁻¹² … 2¹² scales) and both signs, one bucket around zero and one beyond either end, 3,075 in all. A bucket is at most
1/64 of its distance from the centre wide, so a quantile is off by at most 1.6 % of that. What it cannot resolve: a mode
far from the median and narrower than 1/64 of its distance is one place.

Source: G. Tene, HdrHistogram; the float32 bits instead of integer arithmetic are ours.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Float32s = NDArray[np.float32]
Counts = NDArray[np.int64]
Bits = NDArray[np.uint32]
Vector = NDArray[Any]

MANTISSA_BITS = 6
OCTAVES = 24
LARGEST = (OCTAVES << MANTISSA_BITS) + 1
"""Magnitude index of all that is beyond the last octave; 0 is all that is below the first."""
BUCKETS = 2 * LARGEST + 1
BLOCK_ROWS = 65_536
"""Rows a block: many, because a block costs much the same besides; few, so that its numbers stay in the cache."""

_SINGLE, _PAIRED = 8, 64
"""Codes up to which counting each by itself, or counting pairs, is faster."""
_SHIFT = 23 - MANTISSA_BITS
_FIRST_OCTAVE = (127 - OCTAVES // 2) << 23
_OFF_ROUND_NUMBERS = 81_007
"""Where in its 1/64 step an edge falls (golden ratio of 2¹⁷): no round number of any scale lies on an edge, so one last
bit of rounding (float32 here, float64 there) never moves a heavy atom into the next bucket."""
_FIRST_EDGE = _FIRST_OCTAVE + _OFF_ROUND_NUMBERS
_TO_EDGE = np.uint32((1 << _SHIFT) - _OFF_ROUND_NUMBERS)
_SIGN = 1 << (31 - _SHIFT)
_PLACES = 2 * _SIGN
_POSITIVE = slice((_FIRST_OCTAVE >> _SHIFT) + 1, (_FIRST_OCTAVE >> _SHIFT) + 1 + LARGEST)
_NEGATIVE = slice(_SIGN + _POSITIVE.start, _SIGN + _POSITIVE.stop)
_ABOVE, _BELOW = slice(LARGEST + 1, None), slice(LARGEST - 1, None, -1)
"""The same stretches of the counts, from the middle outwards."""


def standardise(values: Vector, centre: float, scale: float, out: Float32s, wide: Floats) -> None:
    """``(values − centre) / scale`` into ``out``; ``wide`` is scratch of the same length.

    Done in float64 and then cast, because a float32 has 128 s steps at today's epoch seconds. float32 values with a
    centre that float32 holds exactly take a shorter way to the same result.
    """
    short = _in_float32(centre, scale) if values.dtype == np.float32 else None
    if short:
        np.subtract(values, short[0], out=out)
        np.multiply(out, short[1], out=out)
        return
    np.subtract(values, centre, out=wide)
    np.multiply(wide, 1.0 / scale, out=wide)
    np.copyto(out, wide, casting="same_kind")


@lru_cache(maxsize=4096)
def _in_float32(centre: float, scale: float) -> tuple[np.float32, np.float32] | None:
    """Centre and factor, where the short way leads to the same."""
    with np.errstate(over="ignore"):
        exact = np.float32(centre) == centre and 1e-30 < scale < 1e30
    return (np.float32(centre), np.float32(1.0 / scale)) if exact else None


class BucketCounter:
    """Counts standardised values by bucket.

    The top fifteen bits of a float32 are its sign, its octave and its step, so shifting numbers all buckets that there
    could be at once; the two stretches that are kept are cut out of them. What is in neither lies in the middle bucket.

    The numbers are places in the row of a sparse matrix that holds a one for each value: written out, what stands at one
    place adds up. scipy does that with the 32 bits that the shift leaves, where ``np.bincount`` wants 64 and first looks
    for the largest; it takes two thirds of the time. No 15 bits lie outside the row, whatever the values are.

    Args:
        capacity: values at most that are counted at once.
    """

    def __init__(self, capacity: int) -> None:
        from scipy.sparse import csr_array

        ones, places = np.ones(capacity, np.int32), np.zeros(capacity, np.int32)
        self._row = csr_array((ones, places, np.array([0, capacity], np.int32)), shape=(1, _PLACES), copy=False)
        self._bits: Bits = self._row.indices.view(np.uint32)
        self._dense = np.zeros((1, _PLACES), np.int32)

    def add(self, values: Float32s, counts: Counts, *, beyond: bool = True) -> None:
        """Add a block of values to counts [3075]; the middle bucket is left to ``with_middle``.

        Args:
            values: [rows] standardised, without NaN.
            counts: what to add to, in ascending order.
            beyond: whether any lies beyond the last octave; only then is it looked for.
        """
        bits = self._bits[: len(values)]
        np.add(values.view(np.uint32), _TO_EDGE, out=bits)
        np.right_shift(bits, _SHIFT, out=bits)
        self._row.indptr[1] = len(values)
        every = self._row.toarray(out=self._dense)[0]
        counts[_ABOVE] += every[_POSITIVE]
        counts[_BELOW] += every[_NEGATIVE]
        if beyond:
            counts[-1] += every[_POSITIVE.stop : _SIGN].sum()
            counts[0] += every[_NEGATIVE.stop :].sum()


def with_middle(counts: Counts, n: int) -> Counts:
    """A copy of counts [3075] of ``n`` values; those that are in no other bucket are in the middle one."""
    whole = counts.copy()
    whole[LARGEST] = n - whole.sum()
    return whole


def bincount(codes: Vector, size: int) -> Counts:
    """Counts [size] of codes; few different ones one by one, or as pairs of neighbours, half as many."""
    if size <= _PAIRED:
        narrow = codes.astype(np.uint8)
        if size <= _SINGLE:
            counted = [np.count_nonzero(narrow == code) for code in range(size - 1)]
            return np.array([*counted, len(narrow) - sum(counted)])
        pairs, rest = narrow[: len(narrow) & ~1].view(np.uint16), narrow[len(narrow) & ~1 :]
        both = np.bincount(pairs, minlength=size << 8).reshape(size, 256)
        halves: Counts = both[:, :size].sum(axis=0) + both.sum(axis=1)
        return halves + np.bincount(rest, minlength=size)
    return np.bincount(codes, minlength=size)


def histogram(values: Vector, centre: float, scale: float) -> Counts:
    """Counts [3075] of finite values [n] of any real dtype."""
    counts = np.zeros(BUCKETS, np.int64)
    out, wide = np.empty(BLOCK_ROWS, np.float32), np.empty(BLOCK_ROWS)
    counter = BucketCounter(min(len(values), BLOCK_ROWS))
    for start in range(0, len(values), BLOCK_ROWS):
        block = values[start : start + BLOCK_ROWS]
        size = len(block)
        with np.errstate(over="ignore"):
            standardise(block, centre, scale, out[:size], wide[:size])
        counter.add(out[:size], counts)
    return with_middle(counts, len(values))


@cache
def edges() -> Floats:
    """The 3,074 inner edges in scale units, ascending; bucket i holds ``edges[i-1] ≤ v < edges[i]`` (mirrored below 0)."""
    bits = _FIRST_EDGE + (np.arange(LARGEST, dtype=np.int32) << _SHIFT)
    positive = bits.astype(np.int32).view(np.float32).astype(np.float64)
    both = np.concatenate([-positive[::-1], positive])
    both.flags.writeable = False
    return both


@cache
def positions() -> Floats:
    """One position a bucket [3075] in scale units: its middle; the outermost stand at their inner edge."""
    inner = edges()
    middle = np.concatenate([inner[:1], (inner[1:] + inner[:-1]) / 2, inner[-1:]])
    middle.flags.writeable = False
    return middle


def quantiles(counts: Counts, q: Vector | float) -> Floats:
    """Quantiles in scale units, linear within a bucket, NaN where nothing was counted."""
    total = int(counts.sum())
    wanted = np.atleast_1d(np.asarray(q, np.float64))
    if total == 0:
        return np.full(wanted.shape, np.nan)
    cumulated = np.cumsum(counts)
    rank = np.clip(wanted, 0.0, 1.0) * total
    bucket = np.searchsorted(cumulated, np.maximum(rank, 1e-9), side="left")
    inner = edges()
    low = np.concatenate([inner[:1], inner])[bucket]
    high = np.concatenate([inner, inner[-1:]])[bucket]
    part = (rank - (cumulated[bucket] - counts[bucket])) / counts[bucket]
    return np.asarray(low + part * (high - low))


def to_sparse(counts: Counts) -> tuple[Counts, Counts]:
    """The buckets that hold anything, and their counts."""
    where = np.flatnonzero(counts).astype(np.int64)
    return where, counts[where]


def from_sparse(where: Counts, counts: Counts, size: int = BUCKETS) -> Counts:
    """The inverse of ``to_sparse``."""
    dense = np.zeros(size, np.int64)
    dense[where] = counts
    return dense
