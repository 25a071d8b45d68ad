"""Integers as LEB128 bytes (seven bits a byte, low first), whole arrays at a time; signed ones by zigzag."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlconfig.profiles.histogram import Counts

MAX_BYTES = 9
"""Of an integer below 2⁶³."""


def encode(values: Counts) -> bytes:
    """Non-negative integers [n] as bytes."""
    rest = values.astype(np.uint64)
    widths = np.ones(len(rest), np.int64)
    for width in range(1, MAX_BYTES):
        widths += rest >= np.uint64(1 << (7 * width))
    starts = np.cumsum(widths) - widths
    out = np.zeros(int(widths.sum()), np.uint8)
    for place in range(int(widths.max(initial=0))):
        here = widths > place
        bits = (rest[here] >> np.uint64(7 * place)) & np.uint64(0x7F)
        more = (widths[here] > place + 1).astype(np.uint64) << np.uint64(7)
        out[starts[here] + place] = (bits | more).astype(np.uint8)
    return out.tobytes()


def decode(data: bytes) -> Counts:
    """The inverse of ``encode``; ``ValueError`` when the bytes end within an integer or one is too long."""
    raw = np.frombuffer(data, np.uint8)
    last = np.flatnonzero(raw < 0x80)
    if len(raw) and (len(last) == 0 or last[-1] != len(raw) - 1):
        raise ValueError("the integers end in the middle of one")
    starts = np.concatenate([[0], last[:-1] + 1]) if len(last) else last
    widths = last - starts + 1
    if widths.max(initial=0) > MAX_BYTES:
        raise ValueError("an integer is too long")
    values = np.zeros(len(last), np.uint64)
    for place in range(int(widths.max(initial=0))):
        here = widths > place
        values[here] |= (raw[starts[here] + place].astype(np.uint64) & np.uint64(0x7F)) << np.uint64(7 * place)
    return values.astype(np.int64)


def zigzag(values: Counts) -> Counts:
    """0, −1, 1, −2 … as 0, 1, 2, 3 …"""
    return np.asarray((values << 1) ^ (values >> 63))


def unzigzag(values: NDArray[np.int64]) -> Counts:
    """The inverse of ``zigzag``."""
    return np.asarray((values >> 1) ^ -(values & 1))
